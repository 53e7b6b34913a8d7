package page

import (
	"maps"
	"net/url"
)

// urlValues are the choices of a page as they stand in its address.
func urlValues(c panelContent) url.Values {
	values := url.Values{}
	maps.Copy(values, c.Keep)
	if c.Usual != "" {
		maps.Copy(values, c.Span.Values())
	}
	for _, one := range c.Chosen {
		values.Set(one.Name, one.Value)
	}
	return values
}
