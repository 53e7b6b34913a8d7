package kafkaerrors

import (
	"encoding/binary"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// corruption changes the answers to one kind of request. There is one at a time
// (threeBrokers.corruption), and each is used once.
type corruption struct {
	key     kmsg.Key // of the requests that are answered
	minSize int      // bytes; shorter answers stay whole
	most    int      // how many answers are changed; 0: all
	effect  effect
	hits    atomic.Int32 // how many have been changed
}

// effect changes one answer, of a version of the protocol. written says that it has
// written the answer, or part of it. Otherwise the answer is sent whole.
type effect func(conn *corruptedConn, answer []byte, version int16) (written bool, err error)

// changes says whether an answer is to be changed. Two connections may both do the last
// one.
func (c *corruption) changes(key kmsg.Key, size int) bool {
	return c != nil && key == c.key && size >= c.minSize && (c.most == 0 || int(c.hits.Load()) < c.most)
}

// corruptedListener wraps the connections of a broker.
type corruptedListener struct {
	net.Listener
	current *atomic.Pointer[corruption]
}

func (l corruptedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &corruptedConn{Conn: conn, current: l.current}, nil
}

// corruptedConn is a connection to a broker. It follows the requests, so that it knows
// which one an answer belongs to: kfake answers in order, and writes each answer in one
// Write.
type corruptedConn struct {
	net.Conn
	current *atomic.Pointer[corruption]

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

func (c *corruptedConn) Read(b []byte) (int, error) {
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

func (c *corruptedConn) Write(b []byte) (int, error) {
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
	one := c.current.Load()
	if !one.changes(answered.key, len(b)) {
		return c.Conn.Write(b)
	}
	written, err := one.effect(c, b, answered.version)
	if written {
		one.hits.Add(1)
	} else if err == nil {
		return c.Conn.Write(b)
	}
	return len(b), err
}

// cutInside ends the connection in the middle of an answer.
func cutInside(c *corruptedConn, answer []byte, _ int16) (bool, error) {
	_, _ = c.Conn.Write(answer[:len(answer)/2]) // the client may have left
	_ = c.Close()
	return true, net.ErrClosed
}

// reset sends RST in place of the answer, like a machine that has lost its connections.
// The request has been executed.
func reset(c *corruptedConn, _ []byte, _ int16) (bool, error) {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
	return true, net.ErrClosed
}

// silence sends the beginning of an answer. The connection stays open, and nothing
// follows.
func silence(c *corruptedConn, answer []byte, _ int16) (bool, error) {
	c.mu.Lock()
	c.mute = true
	c.mu.Unlock()
	_, err := c.Conn.Write(answer[:6])
	return true, err
}

// late sends the answer after 300 ms.
func late(c *corruptedConn, answer []byte, _ int16) (bool, error) {
	<-time.NewTimer(300 * time.Millisecond).C
	_, err := c.Conn.Write(answer)
	return true, err
}

// damage flips one bit in the last batch of a partition in a fetch answer, so that the
// checksum is wrong. Answers about other topics or partitions, or without records, stay
// whole. A negative partition is any.
func damage(topic string, partition int32) effect {
	return func(c *corruptedConn, answer []byte, version int16) (bool, error) {
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
