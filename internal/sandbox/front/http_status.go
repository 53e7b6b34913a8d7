package front

import "net/http"

// statuses are the HTTP statuses that ClickHouse gives for its error codes; the
// rest are 500.
var statuses = map[int]int{
	6: http.StatusBadRequest, 26: http.StatusBadRequest, 27: http.StatusBadRequest, // cannot parse
	38: http.StatusBadRequest, 41: http.StatusBadRequest, 43: http.StatusBadRequest,
	44: http.StatusBadRequest, 53: http.StatusBadRequest, 62: http.StatusBadRequest, // syntax
	72: http.StatusBadRequest, 117: http.StatusBadRequest, 321: http.StatusBadRequest, 386: http.StatusBadRequest,
	456: http.StatusBadRequest, 457: http.StatusBadRequest, // query parameters

	46: http.StatusNotFound, 47: http.StatusNotFound, 50: http.StatusNotFound, // unknown function, identifier, type
	56: http.StatusNotFound, 60: http.StatusNotFound, 73: http.StatusNotFound, // unknown storage, table, format
	78: http.StatusNotFound, 81: http.StatusNotFound, 115: http.StatusNotFound, // unknown query, database, setting

	159:                 http.StatusRequestTimeout,
	209:                 http.StatusServiceUnavailable, // socket timeout
	160:                 http.StatusRequestTimeout,
	codeNotImplemented:  http.StatusNotImplemented,
	codeRequestTooLarge: http.StatusRequestEntityTooLarge,
	codeReadonly:        http.StatusForbidden,
	codeAuthentication:  http.StatusForbidden,
	497:                 http.StatusForbidden,
	codeSessionLocked:   http.StatusConflict,
}

func status(code int) int {
	if s, ok := statuses[code]; ok {
		return s
	}
	return http.StatusInternalServerError
}
