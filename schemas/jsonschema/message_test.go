package jsonschema_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	validator "github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/schemas/jsonschema"
	"github.com/pianola/pianola/transform"
)

// compiled compiles a schema, which also checks it against its metaschema.
func compiled(t *testing.T, text []byte, err error) *validator.Schema {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	document, err := validator.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := validator.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", document); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func message(t *testing.T) *validator.Schema {
	text, err := jsonschema.Message()
	return compiled(t, text, err)
}

// matches reports whether a text is JSON that matches the schema.
func matches(s *validator.Schema, text []byte) error {
	if len(text) > 5 && text[0] == 0 {
		text = text[5:] // the Confluent prefix
	}
	value, err := validator.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return s.Validate(value)
}

// example is a message, and what the vectors say of it.
type example struct {
	note    string
	message []byte
}

// vectors are the messages of the contract's vectors. Those with settings of their own are
// left out: the schema is that of the default settings.
func vectors(t *testing.T) (all []example, now time.Time) {
	t.Helper()
	var events struct {
		Now   time.Time
		Cases []struct {
			Note          string
			Config        map[string]any
			Message       string
			MessageBase64 string `json:"message_base64"`
		}
	}
	read(t, "events.json", &events)
	for _, c := range events.Cases {
		text := []byte(c.Message)
		if c.MessageBase64 != "" {
			var err error
			if text, err = base64.StdEncoding.DecodeString(c.MessageBase64); err != nil {
				t.Fatal(err)
			}
		}
		if len(c.Config) == 0 {
			all = append(all, example{"events: " + c.Note, text})
		}
	}
	for _, file := range []string{"timestamps.json", "emails.json"} {
		var fields struct {
			Cases []struct {
				Note, Field string
				Input       json.RawMessage
				With        map[string]json.RawMessage
			}
		}
		read(t, file, &fields)
		for _, c := range fields.Cases {
			members := map[string]json.RawMessage{c.Field: c.Input}
			maps.Copy(members, c.With)
			all = append(all, example{file + ": " + c.Note, least(t, members)})
		}
	}
	var actions map[string][]string
	read(t, "actions.json", &actions)
	for _, spellings := range actions {
		for _, spelling := range spellings {
			text, err := json.Marshal(spelling)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, example{"actions.json: " + spelling, least(t, map[string]json.RawMessage{"subscription_action": text})})
		}
	}
	return all, events.Now
}

// least is a message with the required fields, and some more.
func least(t *testing.T, members map[string]json.RawMessage) []byte {
	t.Helper()
	all := map[string]json.RawMessage{
		"subscription_id": json.RawMessage(`"RC1"`), "event_timestamp": json.RawMessage(`"2024-01-05T10:00:00Z"`),
		"subscription_action": json.RawMessage(`"Renewed"`),
	}
	maps.Copy(all, members)
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func read(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile("../../transform/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

func worker(t *testing.T) *transform.Worker {
	t.Helper()
	rules, err := transform.New(transform.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	return rules.NewWorker()
}

// leftOut are the faults of the vectors that the schema cannot express; its description
// lists them in general.
var leftOut = []string{
	"events: money: 10^14, by rounding",
	"events: boolean: 1 and 0 as numbers, in no other spelling",
	"events: invalid UTF-8, even in an unknown field",
	"events: a lone surrogate",
	"events: the first repeat in the message",
	"timestamps.json: no such day",
	"timestamps.json: one millisecond more is not",
	"timestamps.json: before 2000",
	"timestamps.json: one millisecond more",
	"timestamps.json: before 2000, optional",
	"emails.json: but not beside the hash of the empty text",
}

// TestMessage_AgreesWithTheVectors: what the stages accept is valid. What they refuse is
// not, but for the documented exceptions.
func TestMessage_AgreesWithTheVectors(t *testing.T) {
	s, w := message(t), worker(t)
	all, now := vectors(t)
	accepted, refused := 0, 0
	var passed []string
	for _, c := range all {
		result, err := w.Apply(c.message, now), matches(s, c.message)
		switch {
		case result.Outcome == transform.DeadLettered && err == nil:
			passed = append(passed, c.note)
		case result.Outcome == transform.DeadLettered:
			refused++
		case result.Outcome == transform.Skipped:
		case err != nil:
			t.Errorf("%s: the stages say %s, the schema %v\n%s", c.note, result.Outcome, err, c.message)
		default:
			accepted++
		}
	}
	if !slices.Equal(passed, leftOut) {
		t.Errorf("faults that the schema lets pass\n got %q\nwant %q", passed, leftOut)
	}
	if accepted < 200 || refused < 50 {
		t.Errorf("only %d accepted and %d refused cases were compared", accepted, refused)
	}
}

// TestMessage_AgreesWithTheWorld: the same for the messages of a publisher with every
// notation and fault.
func TestMessage_AgreesWithTheWorld(t *testing.T) {
	s, w := message(t), worker(t)
	config := world.Defaults()
	config.Seed, config.Subscribers = 1, 1000
	simulated, err := world.New(config)
	if err != nil {
		t.Fatal(err)
	}
	accepted, refused := 0, 0
	for m := range simulated.Messages() {
		result, err := w.Apply(m.Value, config.End.Add(time.Hour)), matches(s, m.Value)
		switch {
		case result.Outcome == transform.Skipped:
		case result.Outcome != transform.DeadLettered && err != nil:
			t.Fatalf("the stages say %s, the schema %v\n%s", result.Outcome, err, m.Value)
		case result.Outcome != transform.DeadLettered:
			accepted++
		case err != nil:
			refused++
		case !slices.Contains(inexpressible[result.Reason], result.Field):
			t.Errorf("the schema lets pass %s of %q: %.2000s", result.Reason, result.Field, m.Value)
		}
	}
	if accepted < 3000 || refused < 50 {
		t.Errorf("only %d accepted and %d refused messages were compared", accepted, refused)
	}
}

// inexpressible are the fields of faults, of which the schema finds some.
var inexpressible = map[schemas.Reason][]string{
	schemas.TooLarge:            {""},
	schemas.InvalidJSON:         {""},
	schemas.DuplicateField:      append(names(schemas.ContractColumns()), "user_email", "email"),
	schemas.InvalidValue:        {"is_internal_user", "transaction_value", "subscription_period_number", "user_email_hash_sha256", "user_email", "email"},
	schemas.InvalidTimestamp:    {"event_timestamp", "next_billed_at", "trial_period_ended_at"},
	schemas.TimestampOutOfRange: {"event_timestamp", "next_billed_at", "trial_period_ended_at"},
}

func names(columns []schemas.Column) (all []string) {
	for _, c := range columns {
		all = append(all, c.Name)
	}
	return all
}
