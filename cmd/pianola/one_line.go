package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxLine bounds the line on standard input. Ids and addresses are far shorter.
const maxLine = 64 << 10

// readOneLine returns the text on standard input, which must be one line: a file with many
// would otherwise lose all but its first without a word. Errors do not contain the text,
// since it may be an address.
func (a *app) readOneLine(ctx context.Context) (string, error) {
	text, err := io.ReadAll(io.LimitReader(&interruptible{ctx: ctx, from: a.stdin}, maxLine+1))
	line := strings.TrimSpace(string(text))
	switch {
	case err != nil:
		return "", fmt.Errorf("read standard input: %w", err)
	case line == "":
		return "", usageError{errors.New("standard input is empty; give one line")}
	case strings.ContainsAny(line, "\r\n"):
		return "", usageError{errors.New("standard input has more than one line; give one at a time")}
	case len(text) > maxLine:
		return "", usageError{fmt.Errorf("standard input is longer than %d bytes; give one line", maxLine)}
	}
	return line, nil
}
