package block

import (
	"encoding/binary"
	"fmt"
	"io"
)

// layout is how a type's values lie in a column: a state prefix, once, and then
// the values. Both are called only for columns that have rows.
type layout interface {
	prefix(*cursor) error
	values(c *cursor, rows uint64) error
}

// fixed is a type whose values all take the same number of bytes.
type fixed uint64

func (fixed) prefix(*cursor) error                  { return nil }
func (f fixed) values(c *cursor, rows uint64) error { return c.pass(rows * uint64(f)) }

// text is String: a length and bytes each.
type text struct{}

func (text) prefix(*cursor) error                { return nil }
func (text) values(c *cursor, rows uint64) error { return c.passStrings(rows) }

// nullable is a byte for each value, then the values, absent ones too.
type nullable struct{ inner layout }

func (n nullable) prefix(c *cursor) error { return n.inner.prefix(c) }
func (n nullable) values(c *cursor, rows uint64) error {
	if err := c.pass(rows); err != nil {
		return err
	}
	return n.inner.values(c, rows)
}

// array is the end of each row in the values, then the values.
type array struct{ inner layout }

func (a array) prefix(c *cursor) error { return a.inner.prefix(c) }
func (a array) values(c *cursor, rows uint64) error {
	if rows == 0 {
		return nil
	}
	if err := c.pass((rows - 1) * 8); err != nil {
		return err
	}
	total, err := c.passUint64()
	if err != nil {
		return err
	}
	if err := atMost("values in arrays", total, maxRows); err != nil {
		return err
	}
	if total == 0 {
		return nil
	}
	return a.inner.values(c, total)
}

// tuple is its elements one after the other; all their prefixes come first.
type tuple []layout

func (t tuple) prefix(c *cursor) error {
	for _, element := range t {
		if err := element.prefix(c); err != nil {
			return err
		}
	}
	return nil
}

func (t tuple) values(c *cursor, rows uint64) error {
	for _, element := range t {
		if err := element.values(c, rows); err != nil {
			return err
		}
	}
	return nil
}

// lowCardinality is a dictionary and keys into it. The dictionary of a nullable
// type holds plain values; key 0 stands for NULL.
type lowCardinality struct{ inner layout }

// The prefix of a dictionary-encoded column, and the flags above the key's width.
const (
	sharedDictionaries = 1
	globalDictionary   = 1 << 8
	additionalKeys     = 1 << 9
	updateDictionary   = 1 << 10
)

func (lowCardinality) prefix(c *cursor) error {
	version, err := c.passUint64()
	if err != nil {
		return err
	}
	if version != sharedDictionaries {
		return fmt.Errorf("%w: dictionary version %d", ErrCorrupt, version)
	}
	return nil
}

func (l lowCardinality) values(c *cursor, rows uint64) error {
	for rows > 0 {
		flags, err := c.passUint64()
		if err != nil {
			return err
		}
		width := flags & 0xff
		if width > 3 || flags&^(0xff|globalDictionary|additionalKeys|updateDictionary) != 0 {
			return fmt.Errorf("%w: dictionary flags %#x", ErrCorrupt, flags)
		}
		if flags&globalDictionary != 0 {
			return fmt.Errorf("%w: global dictionary", ErrType)
		}
		if flags&additionalKeys != 0 {
			size, err := c.passUint64()
			if err != nil {
				return err
			}
			if err := atMost("values in a dictionary", size, maxRows); err != nil {
				return err
			}
			if err := l.inner.values(c, size); err != nil {
				return err
			}
		}
		keys, err := c.passUint64()
		if err != nil {
			return err
		}
		if keys == 0 || keys > rows {
			return fmt.Errorf("%w: %d dictionary keys for %d rows", ErrCorrupt, keys, rows)
		}
		if err := c.pass(keys << width); err != nil {
			return err
		}
		rows -= keys
	}
	return nil
}

// jsonText is JSON written as a string, which the front asks the engine for: a
// version, then strings.
type jsonText struct{}

func (jsonText) prefix(c *cursor) error {
	var b [8]byte
	if _, err := io.ReadFull(c.in, b[:]); err != nil {
		return cut(err)
	}
	if version := binary.LittleEndian.Uint64(b[:]); version != 1 {
		return fmt.Errorf("%w: JSON serialisation %d, only text (1)", ErrType, version)
	}
	return c.emit(b[:])
}
func (jsonText) values(c *cursor, rows uint64) error { return c.passStrings(rows) }
