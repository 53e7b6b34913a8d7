package pianoapi

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The canaries: every personal text of the simulation contains one of them, and no other
// text does. Attacks are among the names and the inquiries (attackOn).
const (
	CanaryFirst   = "Kanarie"             // first names
	CanaryLast    = "Vogelsang"           // last names
	CanaryField   = "Feltkanarie"         // custom fields
	CanaryInquiry = "Henvendelseskanarie" // what users write to support
	CanaryComment = "Svarkanarie"         // what support writes to users, and about them
	CanaryNote    = "Notatkanarie"        // notes
	CanaryMail    = "Brevkanarie"         // subjects and bodies of e-mails
	CanaryCard    = "Kortkanarie"         // owners and names of cards
	CanaryNumber  = "481957******"        // masked card numbers
	CanaryPlace   = "Stedkanarie"         // cities, postal codes, pages and browsers of conversions
)

// maskedCard is how subscriptions name the card that pays them.
const maskedCard = "Visa of " + CanaryCard + " *4242"

// Canaries returns all canaries. A prefix of a name in another case counts, too.
func Canaries() []string {
	return []string{CanaryFirst, CanaryLast, CanaryField, CanaryInquiry, CanaryComment, CanaryNote, CanaryMail, CanaryCard, CanaryNumber, CanaryPlace}
}

// canaryAddress is an e-mail address of the simulation, also inside a URL.
var canaryAddress = regexp.MustCompile(`(?i)[^\s"'<>]+(@|%40)([a-z.]+\.)?(example\.(com|org|net)|mail\.example|b(ü|%C3%BC|xn--)[a-z0-9%-]*cher[a-z0-9-]*\.example|corp\.example)`)

// CanaryPattern matches every canary and every invented e-mail address, as a regular
// expression of RE2, which ClickHouse uses too.
func CanaryPattern() string {
	all := []string{canaryAddress.String()}
	for _, one := range Canaries() {
		all = append(all, "(?i)"+regexp.QuoteMeta(one))
	}
	return strings.Join(all, "|")
}

// FindCanaries returns every canary and every invented e-mail address in a text, once.
// The case does not matter.
func FindCanaries(text []byte) []string {
	var found []string
	lower := bytes.ToLower(text)
	for _, one := range Canaries() {
		if bytes.Contains(lower, []byte(strings.ToLower(one))) {
			found = append(found, one)
		}
	}
	for _, one := range canaryAddress.FindAll(text, -1) {
		found = append(found, string(one))
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// AttackMark is in every attack on a page. A page that runs one sets a global variable of
// this name.
const AttackMark = "pianolaAttack"

// attacks are texts that do harm where they are not escaped: in HTML, in an attribute, in
// a script, in a terminal, and in a spreadsheet.
var attacks = []string{
	`<script>window.` + AttackMark + `=1</script>`,
	`"><img src=x onerror="window.` + AttackMark + `=1">`,
	`' autofocus onfocus='window.` + AttackMark + `=1' x='`,
	`</script><script>window.` + AttackMark + `=1//`,
	`<svg/onload=window.` + AttackMark + `=1>`,
	`javascript:window.` + AttackMark + `=1`,
	"\x1b[2J\x1b]0;" + AttackMark + "\x07",
	`=HYPERLINK("http://` + AttackMark + `.example.org";"x")`,
	`{{.}}${window.` + AttackMark + `=1}`,
	"\u202e" + AttackMark + "\u2066",
}

// Attacks returns all attacks that the texts of the world contain.
func Attacks() []string { return slices.Clone(attacks) }

// attackEvery is the share of texts with an attack: one of this many.
const attackEvery = 37

// AttackOn returns a text with an attack behind it for a few numbers, and otherwise the
// text alone.
func AttackOn(text string, number int) string {
	if number%attackEvery != attackEvery/2 {
		return text
	}
	return text + attacks[number/attackEvery%len(attacks)]
}

func makePerson(uid, email string, number int) person {
	return person{
		uid: uid, email: email,
		first: AttackOn(fmt.Sprintf("%s-%d", CanaryFirst, number), number),
		last:  AttackOn(fmt.Sprintf("%s-%d", CanaryLast, number), number+attackEvery/3),
	}
}

// person is the owner of a subscription.
type person struct {
	uid, email, first, last string
}

// inventedPerson returns a person who is not in the world.
func inventedPerson(kind string, number int) person {
	return makePerson(fmt.Sprintf("%s-%07d", kind, number), fmt.Sprintf("%s.%s.%d@example.com", strings.ToLower(CanaryFirst), kind, number), number)
}
