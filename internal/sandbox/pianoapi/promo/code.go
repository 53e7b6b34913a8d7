package promo

import (
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"hash/fnv"
)

// State is the state of a code, as the API's state_value.
type State string

// The states of a code.
const (
	Active          State = "active"
	Used            State = "used"
	ReservedTrial   State = "reserved_for_free_trial"
	ReservedPayment State = "reserved_for_delayed_payment"
)

// label is the text of the API's field state.
func (s State) label() string {
	return map[State]string{Active: "Active", Used: "Used", ReservedTrial: "Reserved for free trial", ReservedPayment: "Reserved for delayed payment"}[s]
}

// Code is a code as the API writes it.
type Code struct {
	ID            string  `json:"promo_code_id"`
	PromotionID   string  `json:"promotion_id"`
	Code          string  `json:"code"`
	AssignedEmail *string `json:"assigned_email"`
	ReserveDate   *int64  `json:"reserve_date"`
	State         string  `json:"state"`
	StateValue    State   `json:"state_value"`
	ClaimedUser   any     `json:"claimed_user"`
	ClaimedDate   *int64  `json:"claimed_date"`
	CreateDate    int64   `json:"create_date"`
	CreateBy      string  `json:"create_by"`
	UpdateDate    *int64  `json:"update_date"`
	UpdateBy      *string `json:"update_by"`
	Deleted       bool    `json:"deleted,omitempty"`
	LastPrice     *string `json:"last_original_price"`
}

// code is a code that nobody has claimed.
type code struct {
	id, text, email    string
	createdAt, changed int64 // changed is 0 before a change
}

// hashOf chooses by the id of a subscription, so that every answer has the same value.
func hashOf(what, id string) uint32 {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(what + "/" + id)) // never an error
	return hash.Sum32()
}

// OfSubscription returns the code with which a subscription began, and the place of its
// promotion in the seed. Half of them began without a code. Then text is empty.
func OfSubscription(id string) (index int, text string) {
	switch at := hashOf("promo", id) % 12; at {
	case 6, 7:
		return spring, codeSpring
	case 8, 9:
		return welcome, codeWelcome
	case 10:
		return annual, codeAnnual
	case 11:
		return winback, PrefixWinback + letters(hashOf("code", id))
	default:
		return -1, ""
	}
}

// letters writes a number as part of a generated code.
func letters(n uint32) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(binary.BigEndian.AppendUint32(nil, n))[:6]
}

// claims returns the redemptions of a promotion.
func (p *Promotion) claims(redeemed []Redemption) []Redemption {
	var mine []Redemption
	for _, one := range redeemed {
		if index, _ := OfSubscription(one.ID); index >= 0 && index == p.redeemedByIndex {
			mine = append(mine, one)
		}
	}
	return mine
}

// allCodes returns all codes of a promotion: first the claimed ones, then the others.
func (p *Promotion) allCodes(redeemed []Redemption) []Code {
	var all []Code
	for _, one := range p.claims(redeemed) {
		_, text := OfSubscription(one.ID)
		at, price := one.At, one.Original
		c := Code{
			ID: claimedID(p.ID, one.Number), PromotionID: p.ID, Code: text, State: one.State.label(), StateValue: one.State,
			ClaimedUser: one.User, CreateDate: p.CreateDate, CreateBy: staff, UpdateDate: &at, LastPrice: &price,
		}
		if one.State == Used {
			c.ClaimedDate = &at
		} else {
			c.ReserveDate = &at
		}
		all = append(all, c)
	}
	for _, one := range p.codes {
		all = append(all, one.shown(p))
	}
	return all
}

func (c *code) shown(p *Promotion) Code {
	s := Code{
		ID: c.id, PromotionID: p.ID, Code: c.text, State: Active.label(), StateValue: Active, CreateDate: c.createdAt, CreateBy: staff,
	}
	if c.email != "" {
		s.AssignedEmail = &c.email
	}
	if c.changed != 0 {
		by := staff
		s.UpdateDate, s.UpdateBy = &c.changed, &by
	}
	return s
}

// addCode adds a code that nobody has claimed.
func (p *Promotion) addCode(text, email string, now int64) *code {
	p.serial++
	one := &code{id: fmt.Sprintf("PN%s%07d", p.ID[len(p.ID)-4:], p.serial), text: text, email: email, createdAt: now}
	p.codes = append(p.codes, one)
	return one
}

// generate adds codes with a prefix.
func (p *Promotion) generate(prefix string, amount int, now int64) {
	for range amount {
		p.addCode(prefix+letters(hashOf("generated", fmt.Sprint(p.ID, p.serial))), "", now)
	}
}

// CodeOfSubscription returns the code object of a subscription's redemption.
func CodeOfSubscription(id string, number int, state State) Code {
	index, text := OfSubscription(id)
	promotion := PromotionID(index)
	return Code{ID: claimedID(promotion, number), PromotionID: promotion, Code: text, State: state.label(), StateValue: state}
}

// claimedID is the id of a redeemed or reserved code. number is that of the subscription.
func claimedID(promotion string, number int) string {
	return fmt.Sprintf("PC%s%07d", promotion[len(promotion)-4:], number)
}
