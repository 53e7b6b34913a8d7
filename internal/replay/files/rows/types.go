package rows

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// appendValue appends a value that is not null to a message.
type appendValue func(m *message, v parquet.Value)

// errType is a column that cannot become a field of a message.
type errType struct{ text string }

func (e *errType) Error() string { return e.text }

// valueOf returns how the values of a column become JSON. e is a leaf.
func valueOf(e *format.SchemaElement) (appendValue, error) {
	if e.RepetitionType.V == format.Repeated {
		return nil, &errType{"is a list; write one value a row"}
	}
	if logical := e.LogicalType.Value; logical != nil {
		return logicalValue(e, logical)
	}
	if e.ConvertedType.Valid {
		return convertedValue(e)
	}
	switch e.Type.V {
	case format.Boolean:
		return appendBoolean, nil
	case format.Int32:
		return appendInt32, nil
	case format.Int64:
		return appendInt64, nil
	case format.Int96:
		return appendInt96, nil
	case format.Float:
		return appendFloat, nil
	case format.Double:
		return appendDouble, nil
	case format.ByteArray:
		return appendText, nil
	}
	return nil, unsupported("FIXED_LEN_BYTE_ARRAY")
}

func unsupported(name string) error {
	return &errType{fmt.Sprintf("has the type %s, which is not supported; write it as text, number, decimal or timestamp", name)}
}

func logicalValue(e *format.SchemaElement, logical format.LogicalTypeValue) (appendValue, error) {
	switch logical := logical.(type) {
	case *format.StringType, *format.EnumType, *format.JsonType:
		if e.Type.V == format.ByteArray {
			return appendText, nil
		}
	case *format.DecimalType:
		return decimalValue(e, logical.Scale)
	case *format.DateType:
		if e.Type.V == format.Int32 {
			return appendDate, nil
		}
	case *format.TimestampType:
		if e.Type.V == format.Int64 && logical.Unit.Value != nil {
			return timestampValue(logical.Unit.Value.Duration(), logical.IsAdjustedToUTC), nil
		}
	case *format.IntType:
		return integerValue(e, logical.IsSigned)
	case *format.UUIDType:
		if e.Type.V == format.FixedLenByteArray && e.TypeLength.V == int32(len(uuid.UUID{})) {
			return appendUUID, nil
		}
	case *format.NullType:
		return func(*message, parquet.Value) {}, nil
	}
	return nil, unsupported(logical.String())
}

// convertedValue is for files of old writers, which have no logical types.
func convertedValue(e *format.SchemaElement) (appendValue, error) {
	switch kind := e.ConvertedType.V; kind {
	case deprecated.UTF8, deprecated.Enum, deprecated.Json:
		if e.Type.V == format.ByteArray {
			return appendText, nil
		}
	case deprecated.Decimal:
		return decimalValue(e, e.Scale.V)
	case deprecated.Date:
		if e.Type.V == format.Int32 {
			return appendDate, nil
		}
	case deprecated.TimestampMillis:
		if e.Type.V == format.Int64 {
			return timestampValue(time.Millisecond, true), nil
		}
	case deprecated.TimestampMicros:
		if e.Type.V == format.Int64 {
			return timestampValue(time.Microsecond, true), nil
		}
	case deprecated.Int8, deprecated.Int16, deprecated.Int32, deprecated.Int64:
		return integerValue(e, true)
	case deprecated.Uint8, deprecated.Uint16, deprecated.Uint32, deprecated.Uint64:
		return integerValue(e, false)
	}
	return nil, unsupported(convertedName(e.ConvertedType.V))
}

func convertedName(t deprecated.ConvertedType) string {
	switch t {
	case deprecated.TimeMillis, deprecated.TimeMicros:
		return "TIME"
	case deprecated.Bson:
		return "BSON"
	case deprecated.Interval:
		return "INTERVAL"
	}
	return fmt.Sprintf("%d of the Parquet format", t)
}

func integerValue(e *format.SchemaElement, signed bool) (appendValue, error) {
	switch {
	case e.Type.V == format.Int32 && signed:
		return appendInt32, nil
	case e.Type.V == format.Int64 && signed:
		return appendInt64, nil
	case e.Type.V == format.Int32:
		return func(m *message, v parquet.Value) { m.buf = strconv.AppendUint(m.buf, uint64(v.Uint32()), 10) }, nil
	case e.Type.V == format.Int64:
		return func(m *message, v parquet.Value) { m.buf = strconv.AppendUint(m.buf, v.Uint64(), 10) }, nil
	}
	return nil, unsupported("INT")
}

func appendText(m *message, v parquet.Value) { m.text(v.ByteArray()) }

func appendBoolean(m *message, v parquet.Value) { m.buf = strconv.AppendBool(m.buf, v.Boolean()) }

func appendInt32(m *message, v parquet.Value) {
	m.buf = strconv.AppendInt(m.buf, int64(v.Int32()), 10)
}

func appendInt64(m *message, v parquet.Value) { m.buf = strconv.AppendInt(m.buf, v.Int64(), 10) }

func appendFloat(m *message, v parquet.Value) { m.number(float64(v.Float()), 32) }

func appendDouble(m *message, v parquet.Value) { m.number(v.Double(), 64) }

// number appends the shortest number with the same value. JSON has no NaN and no
// infinity: as texts they become dead letters.
func (m *message) number(f float64, bits int) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		m.text(strconv.AppendFloat(nil, f, 'g', -1, bits))
		return
	}
	m.buf = strconv.AppendFloat(m.buf, f, 'g', -1, bits)
}

func appendUUID(m *message, v parquet.Value) {
	id := uuid.UUID(v.ByteArray())
	m.text([]byte(id.String()))
}

// appendDate appends a date alone, which the stages read as midnight.
func appendDate(m *message, v parquet.Value) {
	m.buf = append(m.buf, '"')
	m.buf = time.Unix(int64(v.Int32())*24*60*60, 0).UTC().AppendFormat(m.buf, time.DateOnly)
	m.buf = append(m.buf, '"')
}

// timestampValue appends RFC 3339. A timestamp that is not adjusted to UTC is local time,
// so it has no offset, and the stages apply transform.source_timezone.
func timestampValue(unit time.Duration, utc bool) appendValue {
	perSecond := int64(time.Second / unit)
	return func(m *message, v parquet.Value) {
		n := v.Int64()
		m.instant(time.Unix(n/perSecond, n%perSecond*int64(unit)), utc)
	}
}

// appendInt96 appends a timestamp of old writers: nanoseconds of the day, and the Julian
// day. It is UTC.
func appendInt96(m *message, v parquet.Value) {
	const julianEpoch = 2_440_588
	n := v.Int96()
	nanoseconds := int64(n[1])<<32 | int64(n[0])
	m.instant(time.Unix((int64(n[2])-julianEpoch)*24*60*60, 0).Add(time.Duration(nanoseconds)), true)
}

func (m *message) instant(at time.Time, utc bool) {
	m.buf = append(m.buf, '"')
	m.buf = at.UTC().AppendFormat(m.buf, time.RFC3339Nano)
	if !utc {
		m.buf = m.buf[:len(m.buf)-len("Z")]
	}
	m.buf = append(m.buf, '"')
}

// maxDecimalBytes bounds a decimal: 16 bytes hold the 38 digits that any writer makes.
const maxDecimalBytes = 32

var errDecimal = errors.New("a decimal of more than 32 bytes")

func decimalValue(e *format.SchemaElement, scale int32) (appendValue, error) {
	if scale < 0 || scale > 2*maxDecimalBytes {
		return nil, &errType{fmt.Sprintf("is a decimal with the scale %d, which is not supported", scale)}
	}
	switch e.Type.V {
	case format.Int32:
		return func(m *message, v parquet.Value) { m.decimal(strconv.AppendInt(nil, int64(v.Int32()), 10), int(scale)) }, nil
	case format.Int64:
		return func(m *message, v parquet.Value) { m.decimal(strconv.AppendInt(nil, v.Int64(), 10), int(scale)) }, nil
	case format.FixedLenByteArray, format.ByteArray:
		return func(m *message, v parquet.Value) { m.decimal(unscaled(v.ByteArray()), int(scale)) }, nil
	}
	return nil, unsupported("DECIMAL")
}

// unscaled are the digits of a two's complement number in big-endian order.
func unscaled(b []byte) []byte {
	switch {
	case len(b) > maxDecimalBytes:
		panic(errDecimal) // Next reports it as damage
	case len(b) == 0:
		return []byte{'0'}
	case len(b) <= 8:
		n := int64(int8(b[0]))
		for _, c := range b[1:] {
			n = n<<8 | int64(c)
		}
		return strconv.AppendInt(nil, n, 10)
	}
	n := new(big.Int).SetBytes(b)
	if b[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return n.Append(nil, 10)
}

// decimal appends an exact number.
func (m *message) decimal(digits []byte, scale int) {
	if digits[0] == '-' {
		m.buf = append(m.buf, '-')
		digits = digits[1:]
	}
	whole := len(digits) - scale
	if whole <= 0 {
		m.buf = append(m.buf, '0')
	} else {
		m.buf = append(m.buf, digits[:whole]...)
		digits = digits[whole:]
	}
	if scale == 0 {
		return
	}
	m.buf = append(m.buf, '.')
	for range scale - len(digits) {
		m.buf = append(m.buf, '0')
	}
	m.buf = append(m.buf, digits...)
}
