package schemas

import (
	"reflect"
	"testing"
)

// TestEvent_Clone goes through the fields by reflection, so that one which is
// added and forgotten in Clone shows.
func TestEvent_Clone(t *testing.T) {
	var e Event
	var texts []reflect.StructField
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Event]()) {
		if field.Type.Kind() == reflect.Slice {
			texts = append(texts, field)
		}
	}
	if len(texts) < 15 {
		t.Fatalf("%d fields are texts", len(texts))
	}
	of := func(e *Event, field reflect.StructField) reflect.Value {
		return reflect.ValueOf(e).Elem().FieldByIndex(field.Index)
	}
	for _, field := range texts {
		of(&e, field).SetBytes([]byte(field.Name))
	}
	e.EventTimestamp, e.IsInternalUser = 7, true
	kept := e.Clone()
	if !reflect.DeepEqual(kept, e) {
		t.Fatalf("got %+v, want %+v", kept, e)
	}
	for _, field := range texts {
		of(&e, field).Bytes()[0] = '#' // the next message stands there
		if got := string(of(&kept, field).Bytes()); got != field.Name {
			t.Errorf("%s is borrowed still: %q", field.Name, got)
		}
	}
	if absent := new(Event).Clone(); !reflect.DeepEqual(absent, Event{}) {
		t.Errorf("what is absent became %+v", absent)
	}
}
