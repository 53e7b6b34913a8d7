package page

import (
	"io/fs"
	"net/http"

	"github.com/pianola/pianola/internal/console/role"
)

// Section is the pages of one subject.
type Section struct {
	Title     string
	Templates fs.FS // of its pages; nil when it has only panels
	Pages     []Page
}

// Page is one address.
type Page struct {
	Pattern string // of http.ServeMux, such as "GET /business/mrr"
	Title   string // in the navigation; empty for pages that are not there
	Role    role.Role
	Handle  func(*Renderer) http.HandlerFunc
}
