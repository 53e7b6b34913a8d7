package faultproxy

import (
	"net/http"

	"github.com/ClickHouse/ch-go/proto"
)

// status is the HTTP status that ClickHouse gives for an error code.
func status(code proto.Error) int {
	const setNonGrantedRole, authenticationFailed = 512, 516 // which ch-go does not name
	switch code {
	case proto.ErrRequiredPassword:
		return http.StatusUnauthorized
	case proto.ErrUnknownUser, proto.ErrWrongPassword, proto.ErrAccessDenied, setNonGrantedRole, authenticationFailed:
		return http.StatusForbidden
	case proto.ErrBadArguments, proto.ErrCannotCompileRegexp, proto.ErrCannotParseText,
		proto.ErrCannotParseEscapeSequence, proto.ErrCannotParseQuotedString, proto.ErrCannotParseDate,
		proto.ErrCannotParseDatetime, proto.ErrCannotParseNumber, proto.ErrCannotParseInputAssertionFailed,
		proto.ErrCannotParseDomainValueFromString, proto.ErrCannotParseUUID, proto.ErrDuplicateColumn,
		proto.ErrIllegalColumn, proto.ErrUnknownElementInAst, proto.ErrUnknownTypeOfAstNode,
		proto.ErrThereIsNoColumn, proto.ErrTooDeepAst, proto.ErrTooBigAst, proto.ErrUnexpectedAstStructure,
		proto.ErrSyntaxError, proto.ErrIncorrectData, proto.ErrTypeMismatch, proto.ErrValueIsOutOfRangeOfDataType:
		return http.StatusBadRequest
	case proto.ErrUnknownTable, proto.ErrUnknownFunction, proto.ErrUnknownIdentifier, proto.ErrUnknownType,
		proto.ErrUnknownStorage, proto.ErrUnknownDatabase, proto.ErrUnknownSetting,
		proto.ErrUnknownDirectionOfSorting, proto.ErrUnknownAggregateFunction, proto.ErrUnknownFormat,
		proto.ErrUnknownDatabaseEngine, proto.ErrUnknownTypeOfQuery, proto.ErrUnknownRole:
		return http.StatusNotFound
	case proto.ErrQueryIsTooLarge:
		return http.StatusRequestEntityTooLarge
	case proto.ErrNotImplemented:
		return http.StatusNotImplemented
	case proto.ErrSocketTimeout, proto.ErrCannotOpenFile, proto.ErrCannotScheduleTask:
		return http.StatusServiceUnavailable
	case proto.ErrHTTPLengthRequired:
		return http.StatusLengthRequired
	case proto.ErrTimeoutExceeded:
		return http.StatusRequestTimeout
	}
	return http.StatusInternalServerError
}
