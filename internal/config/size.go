package config

import (
	"errors"
	"strconv"
	"strings"
)

// Size is a number of bytes, written as a number or with KiB, MiB or GiB.
type Size int64

// units are in descending order. The empty unit is last, because it matches any text.
var units = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}, {"", 1}}

var errSize = errors.New("is not a size such as 1048576, 512KiB, 64MiB or 1GiB")

// parseSize reads a size. It rejects MB and kB, which mean powers of 1000 or 1024.
func parseSize(text string) (Size, error) {
	for _, unit := range units {
		digits, found := strings.CutSuffix(text, unit.name)
		if !found {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 || n > (1<<62)/unit.bytes {
			return 0, errSize
		}
		return Size(n * unit.bytes), nil
	}
	return 0, errSize
}

// String is the shortest exact notation.
func (s Size) String() string {
	for _, unit := range units {
		if s != 0 && int64(s)%unit.bytes == 0 && unit.bytes > 1 {
			return strconv.FormatInt(int64(s)/unit.bytes, 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// MarshalText is String, for JSON.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
