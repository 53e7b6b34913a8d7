package customer

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/transform"
)

// User is one user. UID is guarded: one that is an address is its hash. The client
// remembers the address, so that such an id can be used.
type User struct {
	UID                                 string
	Email, FirstName, LastName, Name    Personal
	CreatedAt, LastVisitAt, LastLoginAt *time.Time
	CustomFields                        []CustomField // filled by Search and User only
	EmailHash                           string        // as in our tables; empty without an address
}

// CustomField is a field that the publisher has defined.
type CustomField struct {
	Name  string
	Value Personal
}

type user struct {
	UID       Personal   `json:"uid"` // may be an address
	Email     Personal   `json:"email"`
	First     Personal   `json:"first_name"`
	Last      Personal   `json:"last_name"`
	Name      Personal   `json:"personal_name"`
	Display   Personal   `json:"display_name"`
	Created   piano.Date `json:"create_date"`
	LastVisit piano.Date `json:"last_visit"`
	LastLogin piano.Date `json:"last_login"`
	Custom    []struct {
		Name  word     `json:"name"`
		Value Personal `json:"value"`
	} `json:"custom_fields"`
}

func (c *Client) decodeUser(raw user) (User, error) {
	u := User{UID: transform.Guard(raw.UID.Reveal()), Email: raw.Email, FirstName: raw.First, LastName: raw.Last, Name: raw.Name}
	if u.UID == "" {
		return User{}, fmt.Errorf("%w: user.uid: is missing", piano.ErrShape)
	}
	c.originals.learn(raw.UID.Reveal())
	if u.Name.Empty() {
		u.Name = raw.Display
	}
	if !u.Email.Empty() {
		u.EmailHash, _ = transform.HashAddress(u.Email.Reveal())
	}
	for _, f := range raw.Custom {
		u.CustomFields = append(u.CustomFields, CustomField{Name: string(f.Name), Value: f.Value})
	}
	return u, dates("user", map[string]dateField{
		"create_date": {raw.Created, &u.CreatedAt}, "last_visit": {raw.LastVisit, &u.LastVisitAt}, "last_login": {raw.LastLogin, &u.LastLoginAt}})
}

// List is Piano's quick search: q is a part of an address or of a name, and empty lists
// everybody. The result is approximate, and its order is Piano's.
func (c *Client) List(ctx context.Context, q Personal, p Page) (Listed[User], error) {
	params := url.Values{"disabled": {"false"}}
	if !q.Empty() {
		params.Set("q", q.Reveal())
	}
	return list(ctx, c, piano.ListUsers, p, params, c.decodeUser)
}

// Query is a search with Piano's filters, by the names of the API.
type Query map[string]string

// maxOffset limits a search: Piano allows offset plus limit up to it.
const maxOffset = 10_000

var errFilter = errors.New("Piano has no such filter")

// Search finds users by Piano's filters ("mine users").
func (c *Client) Search(ctx context.Context, q Query, p Page) (Listed[User], error) {
	params := url.Values{}
	for name, value := range q {
		if !slices.Contains(filters, name) {
			return Listed[User]{}, fmt.Errorf("search: %w", errFilter)
		}
		if value != "" {
			params.Set(name, value)
		}
	}
	if p.Offset+p.Limit > maxOffset {
		return Listed[User]{}, fmt.Errorf("search: Piano returns the first %d users only: use more filters", maxOffset)
	}
	return list(ctx, c, piano.SearchUsers, p, params, c.decodeUser)
}

// User reads one user. Without one the error wraps piano.ErrNoUser.
func (c *Client) User(ctx context.Context, uid string) (User, error) {
	u, err := one(ctx, c, piano.GetUser, url.Values{"uid": {uid}}, c.decodeUser)
	if err == nil && u.UID != transform.Guard(strings.TrimSpace(uid)) {
		return User{}, fmt.Errorf("read a user: %w: another user than the requested one", piano.ErrShape)
	}
	return u, err
}

// ByEmail finds the user with an address. Without one the error wraps piano.ErrNoUser;
// several are an error too.
func (c *Client) ByEmail(ctx context.Context, email Personal) (User, error) {
	hash, ok := transform.HashAddress(email.Reveal())
	if !ok {
		return User{}, errors.New("find a user by address: it is not an e-mail address")
	}
	found, err := c.Search(ctx, Query{"email": email.Reveal()}, Page{Limit: 100})
	if err != nil {
		return User{}, err
	}
	users := slices.DeleteFunc(found.Rows, func(u User) bool { return u.EmailHash != hash })
	switch {
	case len(users) == 1:
		return users[0], nil
	case len(users) > 1:
		return User{}, errors.New("find a user by address: Piano has " + strconv.Itoa(len(users)) + " users with it: use the user id")
	case found.Total > len(found.Rows):
		return User{}, errors.New("find a user by address: too many addresses contain it: use the user id")
	default:
		return User{}, fmt.Errorf("find a user by address: %w", piano.ErrNoUser)
	}
}

// filters are the parameters of a search (piano-care.md §1.1a).
var filters = strings.Fields(`
	q name email uid data data_type has_data custom_fields source exclude_cf_metadata
	registered_from registered_until has_last_access_time last_access_time_from last_access_time_until
	has_emailConfirmation_required email_confirmation_state selected_consents_map consent_checked consent_has_data
	has_access access_to_resources access_from access_until
	has_conversion_term converted_terms converted_term_from converted_term_until converted_term_sharing_type
	has_conversion_term_type converted_term_types
	has_redeemed_promotion redeemed_promotions redeemed_promotion_from redeemed_promotion_until include_trial_redemptions
	trial_period_is_active has_trial_period trial_expire_from trial_expire_until
	has_payment payment_methods spent_money_currency spent_money_from spent_money_until spent_from_date spent_until_date upi_ext_customer_id
	credit_card_will_expire invert_credit_card_will_expire had_billing_failure billing_failure_from billing_failure_until
	has_any_subscriptions has_active_subscription active_subscription_to_resources
	has_subscription_starts subscription_start_from subscription_start_until
	has_subscription_will_renew subscription_renew_from subscription_renew_until
	has_subscription_will_expire subscription_expire_from subscription_expire_until
	has_unresolved_inquiry has_submitted_inquiry submitted_inquiry_from submitted_inquiry_until
	has_received_response_inquiry received_response_from received_response_until
	has_resolved_inquiry resolved_inquiry_from resolved_inquiry_until
	has_licensing_contract_redemptions selected_licensees selected_contracts licensing_contract_redeemed_from licensing_contract_redeemed_until
	order_by order_direction disabled`)
