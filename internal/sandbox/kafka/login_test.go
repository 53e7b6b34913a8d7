package kafka_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/pianola/pianola/internal/sandbox/authority"
	"github.com/pianola/pianola/internal/sandbox/kafka"
)

func TestStart_secured(t *testing.T) {
	ca, err := authority.New("example authority")
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := ca.Issue(authority.Server())
	if err != nil {
		t.Fatal(err)
	}
	b := start(t, kafka.Config{Addr: ":0", Topics: map[string]int{topic: 1}, TLS: certificate.Server(), Users: []kafka.User{
		{Mechanism: kafka.ScramSHA512, Name: "writer", Password: "a-password-of-a-test"},
	}})
	login := func(password string) []kgo.Opt {
		return []kgo.Opt{kgo.DialTLSConfig(ca.Client()), kgo.SASL(scram.Auth{User: "writer", Pass: password}.AsSha512Mechanism())}
	}
	p, err := kafka.NewProducer(b.Addr(), login("a-password-of-a-test")...)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Send(t.Context(), kafka.Record{Topic: topic, Value: []byte("one")}); err != nil {
		t.Fatal(err)
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if end := b.EndOffset(topic, 0); end != 1 {
		t.Errorf("the topic ends at %d", end)
	}

	stranger, err := kgo.NewClient(append(login("another"), kgo.SeedBrokers(b.Addr()), kgo.RetryTimeout(time.Second))...)
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	if _, err := kadm.NewClient(stranger).ListTopics(t.Context()); err == nil { // kfake hangs up
		t.Error("another password was taken")
	}
}

func TestStart_refuses_users(t *testing.T) {
	for _, u := range []kafka.User{{Mechanism: "plain", Name: "a", Password: "b"}, {Mechanism: kafka.Plain, Name: "a"}, {Mechanism: kafka.Plain, Password: "b"}} {
		if _, err := kafka.Start(kafka.Config{Addr: ":0", Users: []kafka.User{u}}); err == nil {
			t.Errorf("%+v was taken", u)
		}
	}
}
