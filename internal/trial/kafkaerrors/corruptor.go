package kafkaerrors

import (
	"encoding/binary"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Corruptor sits in the brokers' connections and changes the answers to one kind of
// request. There is one corruption at a time.
type Corruptor struct {
	mu      sync.Mutex
	current *Corruption
}

// Corruption is what happens to answers. It is used by one Corruptor, once.
type Corruption struct {
	Key     kmsg.Key // of the requests that are answered
	MinSize int      // bytes; shorter answers stay whole
	Left    int      // how many answers are still to be changed; -1: all
	Effect  Effect
	hits    int
}

// Effect changes one answer, of a version of the protocol. written says that it has
// written the answer, or part of it. Otherwise the answer is sent whole.
type Effect func(conn *Conn, answer []byte, version int16) (written bool, err error)

// Set replaces the corruption. nil removes it.
func (c *Corruptor) Set(to *Corruption) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current = to
}

// Hits is how many answers a corruption has changed.
func (c *Corruptor) Hits(one *Corruption) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return one.hits
}

// take returns the corruption that an answer meets; nil: none.
func (c *Corruptor) take(key kmsg.Key, size int) *Corruption {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.current; now != nil && now.Key == key && size >= now.MinSize && now.Left != 0 {
		return now
	}
	return nil
}

// done counts one. Two connections may both do the last one.
func (c *Corruptor) done(one *Corruption) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if one.hits++; one.Left > 0 {
		one.Left--
	}
}

// Listener wraps the connections of a listener.
func (c *Corruptor) Listener(l net.Listener) net.Listener { return corruptedListener{l, c} }

type corruptedListener struct {
	net.Listener
	corruptor *Corruptor
}

func (l corruptedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &Conn{Conn: conn, corruptor: l.corruptor}, nil
}

// Conn is a connection to a broker. It follows the requests, so that it knows which one an
// answer belongs to: kfake answers in order, and writes each answer in one Write.
type Conn struct {
	net.Conn
	corruptor *Corruptor

	mu       sync.Mutex
	head     []byte // of the present request: length, key, version
	skip     int    // bytes that follow the head
	requests []request
	mute     bool // nothing is sent any more
}

type request struct {
	key     kmsg.Key
	version int16
}

// requestHead is a request's length, key and version (Kafka's protocol).
const requestHead = 4 + 2 + 2

func (c *Conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	for b = b[:n]; len(b) > 0; {
		if c.skip > 0 {
			skipped := min(c.skip, len(b))
			b, c.skip = b[skipped:], c.skip-skipped
			continue
		}
		step := min(requestHead-len(c.head), len(b))
		c.head, b = append(c.head, b[:step]...), b[step:]
		if len(c.head) == requestHead {
			c.skip = int(binary.BigEndian.Uint32(c.head)) - (requestHead - 4)
			c.requests = append(c.requests, request{
				key:     kmsg.Key(binary.BigEndian.Uint16(c.head[4:])),
				version: int16(binary.BigEndian.Uint16(c.head[6:])),
			})
			c.head = c.head[:0]
		}
	}
	return n, err
}

func (c *Conn) Write(b []byte) (int, error) {
	c.mu.Lock()
	var answered request
	if len(c.requests) > 0 {
		answered, c.requests = c.requests[0], c.requests[1:]
	}
	mute := c.mute
	c.mu.Unlock()
	if mute {
		return len(b), nil
	}
	one := c.corruptor.take(answered.key, len(b))
	if one == nil {
		return c.Conn.Write(b)
	}
	written, err := one.Effect(c, b, answered.version)
	if written {
		c.corruptor.done(one)
	} else if err == nil {
		return c.Conn.Write(b)
	}
	return len(b), err
}

// CutInside ends the connection in the middle of an answer.
func CutInside(c *Conn, answer []byte, _ int16) (bool, error) {
	_, _ = c.Conn.Write(answer[:len(answer)/2]) // the client may have left
	_ = c.Close()
	return true, net.ErrClosed
}

// Reset sends RST in place of the answer, like a machine that has lost its connections.
// The request has been executed.
func Reset(c *Conn, _ []byte, _ int16) (bool, error) {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
	return true, net.ErrClosed
}

// Silence sends the beginning of an answer. The connection stays open, and nothing
// follows.
func Silence(c *Conn, answer []byte, _ int16) (bool, error) {
	c.mu.Lock()
	c.mute = true
	c.mu.Unlock()
	_, err := c.Conn.Write(answer[:6])
	return true, err
}

// Late sends the answer after 300 ms.
func Late(c *Conn, answer []byte, _ int16) (bool, error) {
	<-time.NewTimer(300 * time.Millisecond).C
	_, err := c.Conn.Write(answer)
	return true, err
}

// Damage flips one bit in the last batch of a partition in a fetch answer, so that the
// checksum is wrong. Answers about other topics or partitions, or without records, stay
// whole. A negative partition is any.
func Damage(topic string, partition int32) Effect {
	return func(c *Conn, answer []byte, version int16) (bool, error) {
		// Length and correlation id. kafka-go's fetches are not of the flexible versions,
		// whose header is longer.
		const header = 8
		damaged := append([]byte(nil), answer...)
		response := kmsg.NewPtrFetchResponse()
		if response.SetVersion(version); response.IsFlexible() || response.ReadFrom(damaged[header:]) != nil {
			return false, nil
		}
		for _, t := range response.Topics {
			for _, p := range t.Partitions {
				if t.Topic == topic && (partition < 0 || p.Partition == partition) && len(p.RecordBatches) > 0 {
					p.RecordBatches[len(p.RecordBatches)-1] ^= 1 // a part of the copy
					_, err := c.Conn.Write(append(damaged[:header], response.AppendTo(nil)...))
					return true, err
				}
			}
		}
		return false, nil
	}
}
