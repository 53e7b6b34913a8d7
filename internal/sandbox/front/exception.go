package front

import (
	"bufio"
	"errors"
	"io"

	"github.com/pianola/pianola/internal/sandbox/front/block"
	"github.com/pianola/pianola/internal/sandbox/front/libchdb"
)

// ClickHouse's error codes that the front itself gives.
const (
	codeUnknownType        = 50
	codeSyntaxError        = 62
	codeIncorrectData      = 117
	codeReadonly           = 164
	codeNotImplemented     = 48
	codeRequestTooLarge    = 307
	codeSessionNotFound    = 372
	codeSessionLocked      = 373
	codeCancelled          = 394
	codeAuthentication     = 516
	codeStandard           = 1001
	codeUnexpectedPacket   = 101
	codeChecksum           = 40
	codeCannotDecompress   = 271
	codeUnknownCompression = 89
)

func exception(code int, name, message string) *libchdb.Error {
	return &libchdb.Error{Code: code, Name: name, Message: message}
}

// asException is how an error is told to a client. Errors of the front become the
// code that ClickHouse has for their kind.
func asException(err error) *libchdb.Error {
	var own *libchdb.Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.Is(err, block.ErrType):
		return exception(codeUnknownType, "UNKNOWN_TYPE", err.Error())
	case errors.Is(err, block.ErrLimit), errors.Is(err, block.ErrCorrupt), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, bufio.ErrBufferFull):
		return exception(codeIncorrectData, "INCORRECT_DATA", err.Error())
	}
	return exception(codeStandard, "STD_EXCEPTION", err.Error())
}
