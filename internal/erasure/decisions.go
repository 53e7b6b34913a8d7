package erasure

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pianola/pianola/schemas"
)

// Kind is what a target is.
type Kind string

// The kinds, as in erasure_targets and suppressions.
const (
	User         Kind = "user"
	Subscription Kind = "subscription"
	Address      Kind = "address" // its hash
	Event        Kind = "event"   // an event id; only a target
	Shared       Kind = "shared"  // a subscription that stays, with rows that go; only a target
)

// decision is what a column may hold.
type decision string

const (
	ofUser         decision = "user"         // a user id: the row goes
	ofSubscription decision = "subscription" // a subscription id: the row goes
	ofAddress      decision = "address"      // a hash of an address: the row goes
	ofEvent        decision = "event"        // an event id: the row goes
	ofEither       decision = "either"       // a user or subscription id: the row goes
	ofLink         decision = "link"         // a subscription of the row's own person, or of another: it is cleared
	ofDifferences  decision = "differences"  // values of drift, with user ids among them: the row goes
	ofText         decision = "text"         // JSON or free text that may name somebody: the row is cleared, see clears
	harmless       decision = "harmless"
)

// decisions are by table.column, or by column for all tables. A column of a type without
// text needs none.
var decisions = map[string]decision{
	"user_id":                             ofUser,
	"customer":                            ofUser, // or a subscription id, which has a column of its own beside it
	"subscription_id":                     ofSubscription,
	"user_email_hash_sha256":              ofAddress,
	"replay_claims.event_id":              ofEvent,
	"plan_changes.target_subscription_id": ofSubscription,
	"upgrade_to_subscription_id":          ofLink,
	"change_to_subscription_id":           ofLink,
	"converted_subscription_id":           ofLink,
	"drift.stream_value":                  ofEither,
	"drift.api_value":                     ofEither,
	"differences":                         ofDifferences,
	"dead_letters.subscription_id":        ofText, // the audit needs the row
	"dead_letters.payload":                ofText,
	"dead_letters.payload_sha256":         ofText,
	"dead_letters.dismissed_why":          ofText,
	"dead_letters.dismissed_by":           ofText,
	"replay_jobs.plan":                    ofText, // its filter may name subscriptions
	"erasure_targets.value":               harmless,
	"suppressions.hash":                   harmless, // keyed
	"erasures.requested_by":               harmless, // the command refuses an id there
	"erasures.reason":                     harmless,
	"actions_log.answer":                  harmless, // goes with the row of its subscription
	"actions_log.subject":                 harmless, // the ids of its row
	"actions_log.object":                  harmless, // goes with the row
	"actions_log.before":                  harmless,
	"actions_log.after":                   harmless,
	"subscription_events.event_id":        harmless, // goes with the row
}

// harmlessColumns hold words from lists, names of products and processes, and digests.
var harmlessColumns = strings.Fields(`
	subscription_action subscription_action_raw event_name resource_name billing_period term_type term_name trial_duration
	billing_country_code payment_mode experience_name source source_name reason field detail kind cause last_payload_sha256
	insert_token job_id instance subscription_status expiry_reason currency state problem upgrade_status trial_status renewed
	resource_id term_id template_id template_name offer_id offer_name promo_code severity action request actor from_term to_term
	outcome step job not_compared record rules rules_sha256 counts drift agreed key_id erasure_id status end_reason country
	mrr_basis status_steps ends trial changes dunning payments churn_kind timezone direction currency_after metric`)

// decide returns the decision of a column; false where nobody has decided.
func decide(table string, c schemas.Column) (decision, bool) {
	if d, ok := decisions[table+"."+c.Name]; ok {
		return d, true
	}
	if d, ok := decisions[c.Name]; ok {
		return d, true
	}
	return harmless, slices.Contains(harmlessColumns, c.Name) || !strings.Contains(c.Type, "String")
}

// clears are the assignments that remove a subject from rows that must stay, by table.
var clears = map[string]string{
	// The audit counts the row of every dead letter.
	"dead_letters": "payload = '', payload_sha256 = NULL, subscription_id = NULL, dismissed_by = if(dismissed_by IS NULL, NULL, ''), dismissed_why = if(dismissed_why IS NULL, NULL, '')",
	"replay_jobs":  `plan = '{"ranges":null,"filter":{}}'`,
}

// tableRule is how a subject is removed from one table.
type tableRule struct {
	name    string
	deletes []column // any of them matches: the row goes
	links   []column // cleared where they match
	texts   []column // cleared together by clears

	exported bool // has synced_at, so views of exports show its rows
}

type column struct {
	schemas.Column
	decision decision
}

// rulesOf derives the rules of every table from the schema. Views store nothing.
func rulesOf() ([]tableRule, error) {
	objects, err := schemas.Catalogue()
	if err != nil {
		return nil, err
	}
	var all []tableRule
	for _, o := range objects {
		if o.Kind == schemas.View {
			continue
		}
		r := tableRule{name: o.Name}
		for _, c := range o.Columns {
			d, ok := decide(o.Name, c.Column)
			if !ok {
				return nil, fmt.Errorf("column %s.%s: nobody has decided whether it can name a person; see internal/erasure/decisions.go", o.Name, c.Name)
			}
			r.exported = r.exported || c.Name == "synced_at"
			switch one := (column{c.Column, d}); d {
			case harmless:
			case ofLink:
				r.links = append(r.links, one)
			case ofText:
				r.texts = append(r.texts, one)
			default:
				r.deletes = append(r.deletes, one)
			}
		}
		if len(r.texts) > 0 && clears[o.Name] == "" {
			return nil, fmt.Errorf("table %s: no statement clears its texts; see internal/erasure/decisions.go", o.Name)
		}
		if len(r.deletes)+len(r.links)+len(r.texts) > 0 {
			all = append(all, r)
		}
	}
	return all, nil
}

func ruleOf(rules []tableRule, name string) tableRule {
	return rules[slices.IndexFunc(rules, func(r tableRule) bool { return r.name == name })]
}

// targetsOf is a subquery of the values of some kinds, as a set for IN.
type targetsOf func(kinds ...Kind) string

// deletion is the condition of the rows that go; empty where none does.
func (r tableRule) deletion(in targetsOf) string {
	var any []string
	for _, c := range r.deletes {
		any = append(any, c.matches(in))
	}
	return strings.Join(any, " OR ")
}

// clearing is the condition of the rows whose texts are cleared; empty where none is.
func (r tableRule) clearing(in targetsOf) string {
	var any []string
	for _, c := range r.texts {
		switch c.Name {
		case "subscription_id":
			any = append(any, c.Name+" IN "+in(Subscription))
		case "payload_sha256": // goes with the payload
		case "payload":
			any = append(any, named("payload", in))
		default:
			any = append(any, mentions("ifNull("+c.Name+", '')", in))
		}
	}
	return strings.Join(any, " OR ")
}

// linking is the condition of the rows whose link is cleared.
func (r tableRule) linking(in targetsOf) string {
	var any []string
	for _, c := range r.links {
		any = append(any, c.Name+" IN "+in(Subscription))
	}
	return strings.Join(any, " OR ")
}

func (c column) matches(in targetsOf) string {
	switch c.decision {
	case ofUser:
		return c.Name + " IN " + in(User)
	case ofSubscription:
		return c.Name + " IN " + in(Subscription)
	case ofAddress:
		return c.Name + " IN " + in(Address)
	case ofEvent:
		return "toString(" + c.Name + ") IN " + in(Event)
	case ofEither:
		return c.Name + " IN " + in(User, Subscription)
	case ofDifferences:
		return "hasAny(arrayConcat(arrayMap(d -> ifNull(d.stream_value, ''), " + c.Name + "), arrayMap(d -> ifNull(d.api_value, ''), " + c.Name + ")), " + list(in(User, Subscription)) + ")"
	}
	return "false"
}

// list is a set as an array, for functions.
func list(set string) string { return "(SELECT groupArray(value) FROM " + set + " AS listed)" }

// named is whether a redacted payload names the subject in any of its values. It is JSON,
// whose strings may have escapes; a cut one is searched for the quoted text.
func named(payload string, in targetsOf) string {
	values := "arrayFlatten(arrayMap(v -> [v.2, JSONExtractString(concat('[', v.2, ']'), 1), replaceOne(JSONExtractString(concat('[', v.2, ']'), 1), 'sha256:', '')], JSONExtractKeysAndValuesRaw(" + payload + ")))"
	return "hasAny(" + values + ", " + list(in(User, Subscription, Address)) + ") OR " + mentions(payload, in)
}

// mentions is whether a text has an id as a word: between characters that no id has. An id
// that is part of a longer one does not count.
func mentions(text string, in targetsOf) string {
	return "arrayExists(one -> match(" + text + `, concat('(^|[^A-Za-z0-9_-])', regexpQuoteMeta(one), '($|[^A-Za-z0-9_-])')), ` + list(in(User, Subscription, Address)) + ")"
}
