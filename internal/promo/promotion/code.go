package promotion

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/transform"
)

// State is the state of a code.
type State string

// The states, with Piano's names.
const (
	Active          State = "active"
	Used            State = "used"
	ReservedTrial   State = "reserved_for_free_trial"
	ReservedPayment State = "reserved_for_delayed_payment"
)

// States are all states.
func States() []State { return []State{Active, Used, ReservedTrial, ReservedPayment} }

// Code is a promo code. Of the person who claimed it, it has the user id alone.
type Code struct {
	ID          string     `json:"promo_code_id"`
	PromotionID string     `json:"promotion_id"`
	Text        string     `json:"code"`
	State       State      `json:"state"`
	ForOne      bool       `json:"for_one_address"` // only one e-mail address may use it
	UserID      string     `json:"user_id,omitempty"`
	ClaimedAt   *time.Time `json:"claimed_at"`
	ReservedAt  *time.Time `json:"reserved_at"`
	CreatedAt   *time.Time `json:"created_at"`
	Removed     bool       `json:"removed,omitempty"`
}

// Masked is the code without the text, unless it has been used.
func (c Code) Masked() Code {
	if c.State != Used {
		c.Text = mask(c.Text)
	}
	return c
}

// mask keeps the first characters, which are most often the prefix of all.
func mask(code string) string {
	const shown = 2
	n := utf8.RuneCountInString(code)
	if n <= 2*shown {
		return strings.Repeat("•", n)
	}
	return string([]rune(code)[:shown]) + strings.Repeat("•", n-shown)
}

// Parsed decodes a code of an answer. Its errors name a field and no value.
func Parsed(raw json.RawMessage) (Code, error) {
	var a struct {
		ID          *string    `json:"promo_code_id"`
		PromotionID *string    `json:"promotion_id"`
		Text        *string    `json:"code"`
		State       *string    `json:"state_value"`
		Label       *string    `json:"state"`
		Assigned    *string    `json:"assigned_email"`
		ClaimedAt   piano.Date `json:"claimed_date"`
		ReservedAt  piano.Date `json:"reserve_date"`
		CreatedAt   piano.Date `json:"create_date"`
		Deleted     *bool      `json:"deleted"`
		User        *struct {
			UID *string `json:"uid"`
		} `json:"claimed_user"`
	}
	if json.Unmarshal(raw, &a) != nil {
		return Code{}, fmt.Errorf("%w: promo_code: a field has another type than expected", piano.ErrShape)
	}
	c := Code{
		ID: transform.Guard(text(a.ID)), PromotionID: transform.Guard(text(a.PromotionID)), Text: text(a.Text),
		ForOne: text(a.Assigned) != "", Removed: yes(a.Deleted),
	}
	state := text(a.State)
	if state == "" {
		state = text(a.Label)
	}
	c.State = State(strings.ReplaceAll(strings.ToLower(transform.Guard(state)), " ", "_"))
	if c.ID == "" {
		return c, fmt.Errorf("%w: promo_code_id: is missing", piano.ErrShape)
	}
	if a.User != nil {
		c.UserID = transform.Guard(text(a.User.UID))
	}
	for _, date := range []struct {
		name string
		from piano.Date
		into **time.Time
	}{{"claimed_date", a.ClaimedAt, &c.ClaimedAt}, {"reserve_date", a.ReservedAt, &c.ReservedAt}, {"create_date", a.CreatedAt, &c.CreatedAt}} {
		at, err := date.from.Instant()
		if err != nil {
			return c, fmt.Errorf("%w: %s: %w", piano.ErrShape, date.name, err)
		}
		*date.into = at
	}
	return c, nil
}
