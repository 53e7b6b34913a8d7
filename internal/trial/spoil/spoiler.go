package spoil

import (
	"encoding/binary"
	"net"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Spoiler sits in the brokers' connections and does things to the answers to one
// kind of request, one kind at a time.
type Spoiler struct {
	mu      sync.Mutex
	current *Spoil
}

// Spoil is what is done to answers. It is used by one spoiler, once.
type Spoil struct {
	Key   kmsg.Key // of the requests that are answered
	Least int      // bytes; shorter answers are left alone
	Left  int      // how many answers still, -1 for all
	Do    Harm
	hits  int
}

// Harm is done to one answer, of a version of the protocol. written says that it was
// done and that the answer needs no more writing; otherwise the answer goes on whole.
type Harm func(conn *Conn, answer []byte, version int16) (written bool, err error)

// Set puts a spoil in, and takes the last one away; nil puts in none.
func (s *Spoiler) Set(to *Spoil) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = to
}

// Hit is how many answers a spoil has been done to.
func (s *Spoiler) Hit(one *Spoil) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return one.hits
}

// take gives what is to be done to an answer, nil for nothing.
func (s *Spoiler) take(key kmsg.Key, size int) *Spoil {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.current; c != nil && c.Key == key && size >= c.Least && c.Left != 0 {
		return c
	}
	return nil
}

// done counts one. Two connections may do the last one both.
func (s *Spoiler) done(one *Spoil) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one.hits++; one.Left > 0 {
		one.Left--
	}
}

// Listener gives connections in which the spoiler sits.
func (s *Spoiler) Listener(l net.Listener) net.Listener { return spoiledListener{l, s} }

type spoiledListener struct {
	net.Listener
	spoiler *Spoiler
}

func (l spoiledListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &Conn{Conn: conn, spoiler: l.spoiler}, nil
}

// Conn is a connection to a broker. It follows what is asked on a connection, so as to know what is being
// answered: kfake answers in order, and each answer in one Write.
type Conn struct {
	net.Conn
	spoiler *Spoiler

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
			c.asked = append(c.asked, asked{
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
	written, err := one.Do(c, b, request.version)
	if written {
		c.spoiler.done(one)
	} else if err == nil {
		return c.Conn.Write(b)
	}
	return len(b), err
}
