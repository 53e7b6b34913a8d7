package wire

import "net/http"

// Endpoint is one call of the API.
type Endpoint struct {
	Path   string // after the base of the API, such as /publisher/user/get
	Method string
	// Changes marks a call that changes something. Several of them are GET.
	Changes bool
	// WithoutAID marks a call without the parameter aid.
	WithoutAID bool
	Respond    func(*http.Request) Answer
}

// Get returns an endpoint that reads.
func Get(path string, respond func(*http.Request) Answer) Endpoint {
	return Endpoint{Path: path, Method: http.MethodGet, Respond: respond}
}

// Post returns an endpoint that reads, with POST.
func Post(path string, respond func(*http.Request) Answer) Endpoint {
	return Endpoint{Path: path, Method: http.MethodPost, Respond: respond}
}

// Changing returns an endpoint that changes something.
func Changing(method, path string, respond func(*http.Request) Answer) Endpoint {
	return Endpoint{Path: path, Method: method, Changes: true, Respond: respond}
}
