// Package instance builds one running console from a configuration: the login, the
// connections, and all sections. `pianola console` is this package plus signals. The
// sandbox is this package plus embedded servers, so its pages are the same.
//
// [New] connects, [Instance.Run] serves until its context ends, and [Instance.Close]
// releases the connections.
package instance
