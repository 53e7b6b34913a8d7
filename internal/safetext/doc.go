// Package safetext escapes the characters that a terminal or an editor obeys instead of
// shows: control characters (Cc: C0, DEL and C1), format characters (Cf: directions and
// invisible characters), and line and paragraph separators. Texts from messages, Piano
// and servers can contain them. They could rewrite what a terminal shows, or hide a part
// of a line.
//
// [Cell] is for a text within a line, and [Name] for a path in an error. [Lines], [Append] and [Writer] are for a whole
// output, text or JSON: the escapes are JSON's, and JSON has such characters only inside
// its texts, so that its values do not change.
package safetext
