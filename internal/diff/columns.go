package diff

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pianola/pianola/schemas"
)

// buckets divide a month, so that a few differences are found without reading all of it.
const buckets = 256

// bucket is that of a subscription, one byte.
var bucket = fmt.Sprintf("toUInt8(cityHash64(subscription_id) %% %d)", buckets)

// identity are the columns that make an event's identity.
var identity = []string{"subscription_id", "event_timestamp", "subscription_action"}

// personal are the columns whose values are never shown.
var personal = []string{"user_id", "user_email_hash_sha256"}

// compared are the columns of an event besides its identity.
func compared() []string {
	var names []string
	for _, column := range schemas.ContractColumns() {
		if !slices.Contains(identity, column.Name) {
			names = append(names, column.Name)
		}
	}
	return names
}

// columnPrintBytes is the length of the print of one column.
const columnPrintBytes = 4

// columnPrints are the prints of the compared columns. The text of a value is exact, and
// NULL differs from an empty text.
func columnPrints() []string {
	var prints []string
	for _, name := range compared() {
		prints = append(prints, fmt.Sprintf("toUInt32(cityHash64(isNull(%[1]s), ifNull(CAST(%[1]s AS Nullable(String)), '')))", name))
	}
	return prints
}

// eventPrint is the print of an event.
func eventPrint() string {
	return "cityHash64(subscription_id, toUnixTimestamp64Milli(event_timestamp), CAST(subscription_action AS String), " + strings.Join(columnPrints(), ", ") + ")"
}

// columnPrintsText is one text with the prints of the compared columns, in order.
func columnPrintsText() string {
	var texts []string
	for _, print := range columnPrints() {
		texts = append(texts, "reinterpretAsFixedString("+print+")")
	}
	return "concat(" + strings.Join(texts, ", ") + ")"
}

// differing are the names of the columns whose prints differ.
func differing(first, second string) []string {
	var names []string
	for i, name := range compared() {
		at := i * columnPrintBytes
		if first[at:at+columnPrintBytes] != second[at:at+columnPrintBytes] {
			names = append(names, name)
		}
	}
	return names
}

// replaceTable replaces the first {table} only: one that follows may be part of an id in a
// literal.
func replaceTable(query, table string) string { return strings.Replace(query, "{table}", table, 1) }
