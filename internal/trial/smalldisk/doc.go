// Package smalldisk mounts a small disk in a mount namespace of its own, and fills it.
package smalldisk
