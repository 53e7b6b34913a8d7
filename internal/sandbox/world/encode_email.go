package world

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// emptyHash is the SHA-256 of an empty text. Some systems send it for a missing address,
// and the contract treats it as absent.
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// appendHash writes the hash of an address in lower case.
func appendHash(b, address []byte) []byte {
	sum := sha256.Sum256(address)
	return hex.AppendEncode(b, sum[:])
}

// appendGuarded writes the replacement of an address by the guard.
func appendGuarded(b, address []byte) []byte {
	return appendHash(append(b, "sha256:"...), address)
}

// disguise writes an address in another way. The hash must stay the same.
func (enc *encoder) disguise(address string) string {
	if !enc.unusual {
		return address
	}
	if enc.d.chance(0.5) {
		enc.count("address in capitals")
		address = strings.ToUpper(address)
	}
	if enc.d.chance(0.4) {
		form := &addressForms[enc.d.below(len(addressForms))]
		enc.count(form.name)
		address = form.replacer.Replace(address)
	}
	return address
}

// addressForms are the disguises that normalisation removes (contract §2, stage 4).
var addressForms = []struct {
	name     string
	replacer *strings.Replacer
}{
	{"address with a percent-encoded @", strings.NewReplacer("@", "%40")},
	{"address with a full-width @", strings.NewReplacer("@", "\uff20")},
	{"address with a small @", strings.NewReplacer("@", "\ufe6b")},
	{"address with other full stops", strings.NewReplacer(".", "\uff0e", "@e", "@\u200de")},
	{"address with ideographic full stops", strings.NewReplacer(".", "\u3002", "@", "\u2060@\ufeff")},
	{"address with invisible characters", strings.NewReplacer("@", "\u200b%4\u00ad0", "l", "l\u00ad", "x", "x\ufe0f")},
	{"address with decomposed letters", strings.NewReplacer("å", "a\u030a", "Å", "A\u030a", "é", "e\u0301", "É", "E\u0301",
		"ü", "u\u200b\u0308", "Ü", "U\u0308", "í", "i\u0301", "Í", "I\u0301", "@", "\uff20")},
}

// email writes the three email fields in one of many combinations, and sets the expected
// hash.
func (enc *encoder) email() {
	for _, f := range []field{fUserEmailHash, fUserEmail, fEmail} {
		if g := enc.faultOf(f); g != nil {
			enc.faultyEmail(g)
			return
		}
	}
	if enc.person.noEmail {
		enc.noEmail()
		return
	}
	if !enc.unusual {
		if enc.d.chance(0.6) {
			enc.count("email: hash")
			enc.hash(false)
		} else {
			enc.count("email: user_email")
			enc.address(fUserEmail)
			enc.want.emailHash()
		}
		return
	}
	form := &emailForms[enc.d.below(len(emailForms))]
	enc.count(form.name)
	form.encode(enc)
}

// emailForms are the unusual combinations. Each must give the person's hash.
var emailForms = []struct {
	name   string
	encode func(*encoder)
}{
	{"email: hash in capitals", func(enc *encoder) { enc.hash(true) }},
	{"email: user_email", func(enc *encoder) { enc.address(fUserEmail); enc.want.emailHash() }},
	{"email: email", func(enc *encoder) { enc.address(fEmail); enc.want.emailHash() }},
	{"email: email beside a blank user_email", func(enc *encoder) {
		enc.raw(fUserEmail, `" "`)
		enc.address(fEmail)
		enc.want.emailHash()
	}},
	{"email: address in the hash field", func(enc *encoder) { enc.address(fUserEmailHash); enc.want.emailHash() }},
	{"email: hash beside another address", func(enc *encoder) { enc.hash(false); enc.raw(fUserEmail, `"bo@example.com"`) }},
	{"email: hash beside the same address", func(enc *encoder) { enc.hash(false); enc.address(fUserEmail) }},
	{"email: hash beside an invalid address", func(enc *encoder) { enc.hash(true); enc.raw(fUserEmail, `"n/a"`) }},
	{"email: hash beside an invalid email", func(enc *encoder) { enc.raw(fEmail, `"root@localhost"`); enc.hash(false) }},
	{"email: address in the hash field beside an invalid one", func(enc *encoder) {
		enc.address(fUserEmailHash)
		enc.raw(fUserEmail, `"n/a"`)
		enc.want.emailHash()
	}},
	{"email: hash of the empty text beside an address", func(enc *encoder) {
		enc.raw(fUserEmailHash, `"`+strings.ToUpper(emptyHash)+`"`)
		enc.address(fUserEmail)
		enc.want.emailHash()
	}},
	{"email: email is not read beside user_email", func(enc *encoder) {
		enc.raw(fEmail, []string{`[]`, `"bo@corp.example"`, `null`, `true`}[enc.d.below(4)])
		enc.address(fUserEmail)
		enc.want.emailHash()
	}},
	{"email: all three", func(enc *encoder) {
		enc.address(fUserEmail)
		enc.raw(fEmail, `"bo@example.com"`)
		enc.hash(false)
	}},
}

// noEmail writes one of the forms of an absent email.
func (enc *encoder) noEmail() {
	switch {
	case enc.countIf("email: hash of the empty text", enc.d.chance(0.2)):
		enc.raw(fUserEmailHash, `"`+emptyHash+`"`)
	case enc.countIf("email: a number that is a hash", enc.d.chance(0.05)):
		digits := strings.Repeat("1234567890", 7)[:64]
		enc.raw(fUserEmailHash, digits)
		enc.want.row.UserEmailHashSHA256 = enc.want.keep(digits)
	default:
		enc.absent(fUserEmailHash)
		if enc.unusual {
			enc.absent(fUserEmail)
			enc.absent(fEmail)
		}
	}
}

// faultyEmail writes a fault in one of the three fields so that no other field hides it.
// The pipeline reads email only without user_email, and plaintext only without a valid
// hash.
func (enc *encoder) faultyEmail(g *fault) {
	if g.field == fEmail {
		enc.absent(fUserEmail)
	}
	if g.field != fUserEmailHash && enc.d.chance(0.3) {
		enc.raw(fUserEmailHash, []string{`""`, `null`, `"` + emptyHash + `"`}[enc.d.below(3)])
	}
	if g.field == fUserEmailHash && enc.d.chance(0.5) {
		enc.address(fUserEmail)
	}
	enc.raw(g.field, g.raw)
}

// hash writes the hash, which the pipeline must convert to lower case.
func (enc *encoder) hash(capitals bool) {
	enc.want.emailHash()
	digits := string(enc.want.row.UserEmailHashSHA256)
	if capitals {
		digits = strings.ToUpper(digits)
	}
	enc.name(fUserEmailHash)
	enc.buf = append(append(append(enc.buf, '"'), digits...), '"')
}

// address writes the address itself. The filter must recognize an internal domain.
func (enc *encoder) address(f field) {
	if enc.person.internal == internalByDomain {
		enc.want.internal = true
	}
	told := enc.disguise(string(enc.emailAddress))
	enc.name(f)
	enc.buf = append(enc.buf, '"')
	if enc.countIf("address with white space around it", enc.unusual && enc.d.chance(0.3)) {
		enc.buf = append(enc.buf, blanks[enc.d.below(len(blanks))]...)
		enc.buf = append(append(enc.buf, told...), " "...)
	} else {
		enc.buf = append(enc.buf, told...)
	}
	enc.buf = append(enc.buf, '"')
}

// guardForms are texts around an address that the guard must keep.
var guardForms = [][2]string{
	{"Gift for <", ">!"}, {"see ", "."}, {"(", ")"}, {"mailto:", ""}, {"", ""}, {"@home ", " @ 2"},
	{"team@work, v@1.2.3 or ", ", price @ 2.50"}, {`"`, `"`}, {"a;", ";b"}, {"", "/profile"},
}

// textWithAddress writes a text that contains an address.
func (enc *encoder) textWithAddress(f field) {
	enc.count("address inside a text")
	around := guardForms[enc.d.below(len(guardForms))]
	want := enc.want.keepGuarded(around[0], around[1])
	enc.text(f, want, around[0]+enc.disguise(string(enc.emailAddress))+around[1], false)
}
