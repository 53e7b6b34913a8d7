package corruptor

import (
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

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
