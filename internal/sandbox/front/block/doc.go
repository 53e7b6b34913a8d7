// Package block carries ClickHouse's Native blocks between the wire and the
// engine without decoding them.
//
// A block is columns of rows; it carries no length, so finding its end means
// walking over it by its columns' types. On the wire it looks different at
// different protocol revisions (a block info in front, a byte for custom
// serialisation after each type); the engine reads and writes revision 0, which
// has neither. Copy walks, adds what the one side needs and drops what the other
// side had, and passes everything else through in pieces: it allocates nothing
// that a length in the input asks for, whatever that length says.
package block
