package sink

import "net/http"

// announcing tells ClickHouse that the body of an InsertFormat is framed. As a
// setting of the statement it would also go with the query that clickhouse-go
// asks of a new connection, whose body is not.
type announcing struct{ *http.Transport }

// RoundTrip adds decompress=1 to what has its statement in the address and so
// its data in the body. clickhouse-go's own batches say it themselves.
func (a announcing) RoundTrip(r *http.Request) (*http.Response, error) {
	parameters := r.URL.Query()
	if parameters.Has("query") && !parameters.Has("decompress") {
		parameters.Set("decompress", "1")
		address := *r.URL
		address.RawQuery = parameters.Encode()
		r = r.WithContext(r.Context()) // a copy: a request is not a transport's to change
		r.URL = &address
	}
	return a.Transport.RoundTrip(r)
}
