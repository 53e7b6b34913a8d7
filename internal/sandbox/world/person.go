package world

import "strconv"

// internal is the attribute by which the filter recognizes an internal user.
type internal uint8

const (
	notInternal internal = iota
	internalByFlag
	internalByID
	internalByDomain
)

// naming is the form of a person's user id.
type naming uint8

const (
	namedPlainly    naming = iota
	namedByNumber          // may be a JSON number
	namedByAddress         // the guard must replace it
	namedNowhere           // no user id
	namedWithEscape        // holds a control character and letters beyond ASCII
)

// person is one customer, with one or two subscriptions.
type person struct {
	number   uint32
	first    uint8
	last     uint8
	domain   uint8
	country  uint8
	currency uint8
	internal internal
	naming   naming
	noEmail  bool
}

// The names are invented, in several scripts. Every letter has a one-to-one case
// mapping.
var (
	firstNames = []string{"kim", "bo", "åse", "søren", "maya", "o'brien", "élodie", "jürgen", "ana+news", "ольга", "x_y", "ines"}
	lastNames  = []string{"larsen", "ødegård", "smith", "nguyen", "müller", "garcía", "sørensen", "иванова", "l", "de.vries"}
)

// domains are reserved for documentation (RFC 2606), so that no address is real.
var domains = []string{"example.com", "example.org", "example.net", "mail.example", "bücher.example", "sub.corp.example"}

const internalDomain = "corp.example"

var internalUserIDs = []string{"staff-0001", "staff-0002", "4711"}

// The countries of the table, then 5 % of others. Codes that are not two ASCII letters
// must stay unchanged.
var (
	countries     = []string{"DK", "SE", "NO", "DE", "GB", "US", "FR", "NL", "FI", "DNK", "æø"}
	countryShares = []float64{30, 15, 10, 15, 10, 15, 1.5, 1.5, 1.5, 0.3, 0.2}
	// 0 EUR, 1 USD, 2 kr.
	countryCurrency = []uint8{2, 2, 2, 0, 1, 1, 0, 0, 0, 2, 0}
)

// InternalUserIDs are the user ids that transform.internal_user_ids must contain.
func (w *World) InternalUserIDs() []string { return append([]string(nil), internalUserIDs...) }

// InternalEmailDomains are the domains that transform.internal_email_domains must
// contain.
func (w *World) InternalEmailDomains() []string { return []string{internalDomain} }

func (w *World) makePerson(d *dice, number int) person {
	p := person{
		number:  uint32(number),
		first:   uint8(d.below(len(firstNames))),
		last:    uint8(d.below(len(lastNames))),
		domain:  uint8(d.below(len(domains))),
		country: uint8(d.weighted(countryShares...)),
		noEmail: d.chance(0.05),
	}
	p.currency = countryCurrency[p.country]
	if d.chance(0.005) {
		p.internal = internalByFlag + internal(d.weighted(2, 1, 1))
	}
	switch at := d.share(); {
	case at < 0.002:
		p.naming = namedNowhere
	case at < 0.007:
		p.naming = namedByAddress
	case at < 0.057:
		p.naming = namedByNumber
	case at < 0.062:
		p.naming = namedWithEscape
	}
	return p
}

// appendAddress writes the person's address in lower case, as it is hashed.
func (p *person) appendAddress(b []byte) []byte {
	b = append(b, firstNames[p.first]...)
	b = append(b, '.')
	b = append(b, lastNames[p.last]...)
	b = strconv.AppendUint(append(b, '.'), uint64(p.number), 10)
	b = append(b, '@')
	if p.internal == internalByDomain {
		return append(b, internalDomain...)
	}
	return append(b, domains[p.domain]...)
}

// appendUserID writes the user id before any transformation.
func (p *person) appendUserID(b []byte) []byte {
	if p.internal == internalByID {
		return append(b, internalUserIDs[int(p.number)%len(internalUserIDs)]...)
	}
	switch p.naming {
	case namedNowhere:
		return b
	case namedByAddress:
		return p.appendAddress(b)
	case namedByNumber:
		return strconv.AppendUint(b, 500_000_000+uint64(p.number), 10)
	case namedWithEscape:
		b = append(b, "bruger\x01/"...)
		b = strconv.AppendUint(b, uint64(p.number), 10)
		return append(b, "😀"...)
	default:
		digits := strconv.AppendUint(append(b, 'u'), 100_000_000+uint64(p.number), 10)
		digits[len(b)+1] = '0'
		return digits
	}
}
