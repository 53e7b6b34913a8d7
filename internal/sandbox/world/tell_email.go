package world

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// emptyHash is SHA-256 of nothing, which some systems send for a missing
// address: the contract takes it as absent.
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// appendHash writes the hash that stands for an address, which is in small
// letters already.
func appendHash(b, address []byte) []byte {
	sum := sha256.Sum256(address)
	return hex.AppendEncode(b, sum[:])
}

// appendGuarded writes what the guard puts in an address's place.
func appendGuarded(b, address []byte) []byte {
	return appendHash(append(b, "sha256:"...), address)
}

// shout gives an address in another case; the hash must not notice.
func (t *teller) shout(address string) string {
	if t.odd && t.d.chance(0.5) {
		t.note("address in capitals")
		return strings.ToUpper(address)
	}
	return address
}

// email tells the fields about the email: one of many combinations, each with
// the hash that must come out.
func (t *teller) email() {
	for _, f := range []field{fUserEmailHash, fUserEmail, fEmail} {
		if g := t.faultOf(f); g != nil {
			t.brokenEmail(g)
			return
		}
	}
	if t.p.noEmail {
		t.noEmail()
		return
	}
	if !t.odd {
		if t.d.chance(0.6) {
			t.note("email: hash")
			t.hash(false)
		} else {
			t.note("email: user_email")
			t.plaintext(fUserEmail)
			t.wantHash()
		}
		return
	}
	form := &emailForms[t.d.below(len(emailForms))]
	t.note(form.name)
	form.tell(t)
}

// emailForms are the unusual combinations. Each ends with the person's hash in
// the row.
var emailForms = []struct {
	name string
	tell func(*teller)
}{
	{"email: hash in capitals", func(t *teller) { t.hash(true) }},
	{"email: user_email", func(t *teller) { t.plaintext(fUserEmail); t.wantHash() }},
	{"email: email", func(t *teller) { t.plaintext(fEmail); t.wantHash() }},
	{"email: email beside a blank user_email", func(t *teller) {
		t.raw(fUserEmail, `" "`)
		t.plaintext(fEmail)
		t.wantHash()
	}},
	{"email: address in the hash field", func(t *teller) { t.plaintext(fUserEmailHash); t.wantHash() }},
	{"email: hash beside another address", func(t *teller) { t.hash(false); t.raw(fUserEmail, `"bo@example.com"`) }},
	{"email: hash beside the same address", func(t *teller) { t.hash(false); t.plaintext(fUserEmail) }},
	{"email: hash beside what is no address", func(t *teller) { t.hash(true); t.raw(fUserEmail, `"n/a"`) }},
	{"email: hash beside email that is no address", func(t *teller) { t.raw(fEmail, `"root@localhost"`); t.hash(false) }},
	{"email: address in the hash field beside what is none", func(t *teller) {
		t.plaintext(fUserEmailHash)
		t.raw(fUserEmail, `"n/a"`)
		t.wantHash()
	}},
	{"email: hash of the empty text beside an address", func(t *teller) {
		t.raw(fUserEmailHash, `"`+strings.ToUpper(emptyHash)+`"`)
		t.plaintext(fUserEmail)
		t.wantHash()
	}},
	{"email: email is not read beside user_email", func(t *teller) {
		t.raw(fEmail, []string{`[]`, `"bo@corp.example"`, `null`, `true`}[t.d.below(4)])
		t.plaintext(fUserEmail)
		t.wantHash()
	}},
	{"email: all three", func(t *teller) {
		t.plaintext(fUserEmail)
		t.raw(fEmail, `"bo@example.com"`)
		t.hash(false)
	}},
}

// noEmail tells nothing, in one of the ways to tell it.
func (t *teller) noEmail() {
	switch {
	case t.mark("email: hash of the empty text", t.d.chance(0.2)):
		t.raw(fUserEmailHash, `"`+emptyHash+`"`)
	case t.mark("email: a number that is a hash", t.d.chance(0.05)):
		digits := strings.Repeat("1234567890", 7)[:64]
		t.raw(fUserEmailHash, digits)
		t.row.UserEmailHashSHA256 = t.keep(digits)
	default:
		t.absent(fUserEmailHash)
		if t.odd {
			t.absent(fUserEmail)
			t.absent(fEmail)
		}
	}
}

// brokenEmail tells a fault of one of the three fields so that nothing hides
// it: email counts only where user_email is absent, and bad plaintext only
// where there is no valid hash.
func (t *teller) brokenEmail(g *fault) {
	if g.field == fEmail {
		t.absent(fUserEmail)
	}
	if g.field != fUserEmailHash && t.d.chance(0.3) {
		t.raw(fUserEmailHash, []string{`""`, `null`, `"` + emptyHash + `"`}[t.d.below(3)])
	}
	if g.field == fUserEmailHash && t.d.chance(0.5) {
		t.plaintext(fUserEmail)
	}
	t.raw(g.field, g.raw)
}

// raw writes a field with a value that is JSON already.
func (t *teller) raw(f field, value string) {
	t.name(f)
	t.buf = append(t.buf, value...)
}

// hash tells the hash, which must come out in small letters.
func (t *teller) hash(capitals bool) {
	t.wantHash()
	digits := string(t.row.UserEmailHashSHA256)
	if capitals {
		digits = strings.ToUpper(digits)
	}
	t.name(fUserEmailHash)
	t.buf = append(append(append(t.buf, '"'), digits...), '"')
}

// wantHash puts the person's hash into the row.
func (t *teller) wantHash() {
	from := len(t.arena)
	t.arena = appendHash(t.arena, t.address)
	t.row.UserEmailHashSHA256 = t.arena[from:len(t.arena):len(t.arena)]
}

// plaintext tells the address itself. Where its domain is an internal one the
// filter sees it.
func (t *teller) plaintext(f field) {
	if t.p.internal == internalByDomain {
		t.internal = true
	}
	told := t.shout(string(t.address))
	t.name(f)
	t.buf = append(t.buf, '"')
	if t.mark("address with white space around it", t.odd && t.d.chance(0.3)) {
		t.buf = append(t.buf, blanks[t.d.below(len(blanks))]...)
		t.buf = append(append(t.buf, told...), " "...)
	} else {
		t.buf = append(t.buf, told...)
	}
	t.buf = append(t.buf, '"')
}

// guardForms are texts around an address that the guard must leave as they
// are.
var guardForms = [][2]string{
	{"Gift for <", ">!"}, {"see ", "."}, {"(", ")"}, {"mailto:", ""}, {"", ""}, {"@home ", " @ 2"},
	{"team@work, v@1.2.3 or ", ", price @ 2.50"}, {`"`, `"`}, {"a;", ";b"}, {"", "/profile"},
}

// guarded tells a text with an address inside.
func (t *teller) guarded(f field) {
	t.note("address inside a text")
	around := guardForms[t.d.below(len(guardForms))]
	from := len(t.arena)
	t.arena = append(t.arena, around[0]...)
	t.arena = append(appendGuarded(t.arena, t.address), around[1]...)
	told := around[0] + t.shout(string(t.address)) + around[1]
	t.text(f, t.arena[from:len(t.arena):len(t.arena)], told, false)
}
