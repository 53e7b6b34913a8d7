package segment

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// Reference is a definition with a value for each parameter.
type Reference struct {
	Definition Definition
	values     map[string]string
}

// Parse reads a reference, such as ended?days=30&country=NO. Parameters that are not there
// have their default. All mistakes are reported at once.
func Parse(text string) (Reference, error) {
	name, query, _ := strings.Cut(strings.TrimSpace(text), "?")
	d, ok := find(name)
	if !ok {
		var names []string
		for _, known := range Definitions() {
			names = append(names, known.Name)
		}
		return Reference{}, fmt.Errorf("there is no such segment; use one of %s", strings.Join(names, ", "))
	}
	given, err := url.ParseQuery(query)
	if err != nil {
		return Reference{}, fmt.Errorf("segment %s: parameters are written name=value, with & between them", d.Name)
	}
	r := Reference{Definition: d, values: map[string]string{}}
	var errs []error
	for _, p := range d.Parameters {
		value := p.Default
		switch values := given[p.Name]; {
		case len(values) > 1:
			errs = append(errs, fmt.Errorf("%s: is given more than once", p.Name))
		case len(values) == 1:
			value = values[0]
		}
		delete(given, p.Name)
		if r.values[p.Name], err = p.check(value); err != nil {
			errs = append(errs, err)
		}
	}
	for range given {
		errs = append(errs, errors.New("a parameter that it does not have; pianola promo segment list shows them"))
	}
	if err := errors.Join(errs...); err != nil {
		return Reference{}, fmt.Errorf("segment %s: %w", d.Name, err)
	}
	return r, nil
}

// String is the reference in its one normal form: with its own parameters, and with the
// filters that have a value.
func (r Reference) String() string {
	var parts []string
	for _, p := range r.Definition.Parameters {
		if value := r.values[p.Name]; value != "" {
			parts = append(parts, p.Name+"="+url.QueryEscape(value))
		}
	}
	if len(parts) == 0 {
		return r.Definition.Name
	}
	return r.Definition.Name + "?" + strings.Join(parts, "&")
}

// MarshalText is String.
func (r Reference) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Value is the value of a parameter.
func (r Reference) Value(name string) string { return r.values[name] }

// parameters are those of the query.
func (r Reference) parameters() clickhouse.Parameters {
	all := clickhouse.Parameters{}
	for _, p := range r.Definition.Parameters {
		all[p.Name] = p.sent(r.values[p.Name])
	}
	return all
}
