// Package smalldisk mounts a small disk that nobody else sees, and fills it.
package smalldisk
