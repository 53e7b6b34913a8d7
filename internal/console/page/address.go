package page

import (
	"maps"
	"net/url"
	"time"

	"go.uber.org/zap"
)

// urlValues are the choices of a page as they stand in its address.
func urlValues(c panelContent) url.Values {
	values := url.Values{}
	maps.Copy(values, c.Keep)
	switch {
	case c.Usual == "":
	case c.Span.Name != "":
		values.Set("span", c.Span.Name)
	default:
		values.Set("from", c.Span.From.Format(time.DateOnly))
		values.Set("to", c.Span.To.AddDate(0, 0, -1).Format(time.DateOnly))
	}
	for _, one := range c.Chosen {
		values.Set(one.Name, one.Value)
	}
	return values
}

func zapError(err error) zap.Field { return zap.Error(err) }
