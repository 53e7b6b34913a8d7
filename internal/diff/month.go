package diff

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Month is a month of event_timestamp, as year times 100 plus month: the partition.
type Month uint32

// ParseMonth reads 2026-01.
func ParseMonth(text string) (Month, error) {
	at, err := time.Parse("2006-01", text)
	if err != nil {
		return 0, errors.New("not a month; use the form 2026-01")
	}
	return Month(at.Year()*100 + int(at.Month())), nil
}

func (m Month) String() string { return fmt.Sprintf("%04d-%02d", m/100, m%100) }

// MarshalJSON is the form of ParseMonth.
func (m Month) MarshalJSON() ([]byte, error) { return json.Marshal(m.String()) }

// UnmarshalJSON reads the form of ParseMonth.
func (m *Month) UnmarshalJSON(text []byte) error {
	var s string
	err := json.Unmarshal(text, &s)
	if err == nil {
		*m, err = ParseMonth(s)
	}
	return err
}

func (m Month) digits() string { return strconv.FormatUint(uint64(m), 10) }
