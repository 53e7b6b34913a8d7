package trial

import (
	"encoding/binary"
	"net"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// spoiler sits in the brokers' connections and does things to the answers to one
// kind of request, one kind at a time.
type spoiler struct {
	mu      sync.Mutex
	current *spoil
}

// spoil is what is done to answers. It is used by one spoiler, once.
type spoil struct {
	key   kmsg.Key
	least int // bytes; shorter answers are left alone
	left  int // how many answers still, -1 for all
	hits  int
	do    func(conn *spoiledConn, answer []byte, version int16) (written bool, err error)
}

// set puts a spoil in, and takes the last one away; nil puts in none.
func (s *spoiler) set(to *spoil) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = to
}

// hit is how many answers a spoil has been done to.
func (s *spoiler) hit(one *spoil) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return one.hits
}

// take gives what is to be done to an answer, nil for nothing.
func (s *spoiler) take(key kmsg.Key, size int) *spoil {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.current; c != nil && c.key == key && size >= c.least && c.left != 0 {
		return c
	}
	return nil
}

// done counts one. Two connections may do the last one both.
func (s *spoiler) done(one *spoil) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one.hits++; one.left > 0 {
		one.left--
	}
}

func (s *spoiler) listener(l net.Listener) net.Listener { return spoiledListener{l, s} }

type spoiledListener struct {
	net.Listener
	spoiler *spoiler
}

func (l spoiledListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &spoiledConn{Conn: conn, spoiler: l.spoiler}, nil
}

// spoiledConn follows what is asked on a connection, so as to know what is being
// answered: kfake answers in order, and each answer in one Write.
type spoiledConn struct {
	net.Conn
	spoiler *spoiler

	mu    sync.Mutex
	head  []byte // of the request that is being read: length, key, version
	skip  int    // what follows of it
	asked []asked
	mute  bool // nothing comes any more
}

type asked struct {
	key     kmsg.Key
	version int16
}

// requestHead is a request's length, key and version (Kafka's protocol).
const requestHead = 4 + 2 + 2

func (c *spoiledConn) Read(b []byte) (int, error) {
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
			c.asked = append(c.asked, asked{
				key:     kmsg.Key(binary.BigEndian.Uint16(c.head[4:])),
				version: int16(binary.BigEndian.Uint16(c.head[6:])),
			})
			c.head = c.head[:0]
		}
	}
	return n, err
}

func (c *spoiledConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	var request asked
	if len(c.asked) > 0 {
		request, c.asked = c.asked[0], c.asked[1:]
	}
	mute := c.mute
	c.mu.Unlock()
	if mute {
		return len(b), nil
	}
	one := c.spoiler.take(request.key, len(b))
	if one == nil {
		return c.Conn.Write(b)
	}
	written, err := one.do(c, b, request.version)
	if written {
		c.spoiler.done(one)
	} else if err == nil {
		return c.Conn.Write(b)
	}
	return len(b), err
}
