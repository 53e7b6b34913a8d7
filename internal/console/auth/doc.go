// Package auth finds out who a visitor of the console is.
//
// There are four ways of login, each an [Authenticator]: None on a loopback address,
// which is a viewer; Basic with a file of bcrypt hashes; Header, set by a trusted proxy;
// and OIDC. The roles come from package role. None of them writes a name, a password or a
// token into a log.
package auth
