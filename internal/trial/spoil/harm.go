package spoil

import (
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// CutInside ends the connection in the middle of an answer.
func CutInside(c *Conn, answer []byte, _ int16) (bool, error) {
	_, _ = c.Conn.Write(answer[:len(answer)/2]) // the client may have gone by itself
	_ = c.Close()
	return true, net.ErrClosed
}

// Reset ends it without a word and at once, as a machine does that has lost what it
// knew of the connection. What was asked for has been done.
func Reset(c *Conn, _ []byte, _ int16) (bool, error) {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
	return true, net.ErrClosed
}

// Silence sends the beginning of an answer, and then the connection is there and
// nothing comes over it any more.
func Silence(c *Conn, answer []byte, _ int16) (bool, error) {
	c.mu.Lock()
	c.mute = true
	c.mu.Unlock()
	_, err := c.Conn.Write(answer[:6])
	return true, err
}

// Late sends the answer after a while.
func Late(c *Conn, answer []byte, _ int16) (bool, error) {
	<-time.NewTimer(300 * time.Millisecond).C
	_, err := c.Conn.Write(answer)
	return true, err
}

// Damage turns one bit in the last batch of a fetch answer's partition, so that its
// checksum does not fit any more. Answers about other topics or partitions, or
// without records, are left alone; a negative partition is any.
func Damage(topic string, partition int32) Harm {
	return func(c *Conn, answer []byte, version int16) (bool, error) {
		// Behind length and correlation; kafka-go's fetches are not of the flexible
		// versions, whose header is longer.
		const header = 8
		spoilt := append([]byte(nil), answer...)
		response := kmsg.NewPtrFetchResponse()
		if response.SetVersion(version); response.IsFlexible() || response.ReadFrom(spoilt[header:]) != nil {
			return false, nil
		}
		for _, t := range response.Topics {
			for _, p := range t.Partitions {
				if t.Topic == topic && (partition < 0 || p.Partition == partition) && len(p.RecordBatches) > 0 {
					p.RecordBatches[len(p.RecordBatches)-1] ^= 1 // a part of answer's copy
					_, err := c.Conn.Write(append(spoilt[:header], response.AppendTo(nil)...))
					return true, err
				}
			}
		}
		return false, nil
	}
}
