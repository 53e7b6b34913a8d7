package piano

import (
	"strings"
	"unicode"
)

// vocabulary has the words that may be shown of the API's errors: plain English about
// requests, subscriptions and payments, and the names of fields. A person's name in a
// sentence looks like any other word, so no other word is shown.
var vocabulary = func() map[string]bool {
	words := map[string]bool{}
	for word := range strings.FieldsSeq(`
a access accessible account action active after aid all allowed already already_exists amount an and api app application
applied are argument array at authorization authorized auto auto_renew available back bad be because been before billing
billing_timing body boolean but by can canceled cancelled cancellation cannot card change change_option charge charged
code completed conflict contact could create created credit currency current customer database date day days declined
deferred deleted denied different disabled do does down due duplicate dynamic email empty enabled end ended entity error
exceed exceeded exist existing exists expected expired expiration export external failed failure false field fields file
for forbidden format found free from future get gift given gone has have id ids immediate immediate_access in inactive
incomplete incorrect input integer internal invalid is it its json key later length less license limit list long lookup
maintenance malformed many maximum merchant message method minimum missing must name need network next next_bill_date no
not not_found null number of off offer on one only operation option or order out owner page parameter parameters
parse past pay payment payment_method_id pending per period permission permissions permitted please policy possible
present price process processing prorate prorate_access provided provider purchase rate reached read reason receive
recurring refund refund_last_payment refunded rejected renew renewal renewed request requests required resource response
result resume resumed retry same scheduled secret see server service session set short should size some something start
started state status still string subscription subscription_from subscription_id subscriptions success successful
suspended support supported system temporarily term term_from term_id term_to term_to_period_id terms than that the there
this time timed timeout to token too transaction trial true try type uid unable unauthorized unavailable undefined
unexpected unknown unsupported until update updated upgrade upgraded url use used user user_id valid validation value
values verification version wait was went were when which while will with within without write wrong yet you your zero`) {
		words[word] = true
	}
	return words
}()

// shown is the part of a text of Piano that may be shown: one short line of words of the
// vocabulary, with an ellipsis for all others.
func shown(text string) string {
	const maxWords = 60
	var kept []string
	for i, word := range strings.Fields(text) {
		if i == maxWords {
			kept = append(kept, "…")
			break
		}
		core := strings.TrimFunc(word, unicode.IsPunct)
		if len(core) > 0 && vocabulary[strings.ToLower(core)] && len(word) <= len(core)+3 {
			kept = append(kept, word)
		} else if len(kept) == 0 || kept[len(kept)-1] != "…" {
			kept = append(kept, "…")
		}
	}
	return strings.Join(kept, " ")
}
