// Package role states what a person may do in the console.
//
// Words:
//
//   - role: what a person may do. A person may have several ([Role]).
//   - group: a name that the login gives a person. A [Mapping] gives groups their roles.
//     A person without a role may open nothing.
//   - identity: the name of the person and the roles ([Identity]). The context of a
//     request carries it.
package role
