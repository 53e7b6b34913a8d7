package block

// Revision is a revision of the native protocol, as the client and the server
// have agreed on it.
type Revision int

// Engine is the revision that the engine reads and writes.
const Engine Revision = 0

// The revisions from which a block looks different (ClickHouse's
// ProtocolDefines.h).
const (
	withInfo   Revision = 51903
	withCustom Revision = 54454
)

func (r Revision) hasInfo() bool   { return r >= withInfo }
func (r Revision) hasCustom() bool { return r >= withCustom }

// info is the block info of an ordinary block: field 1 (is_overflows) false,
// field 2 (bucket_num) −1, the end of the fields.
var info = [...]byte{1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0}
