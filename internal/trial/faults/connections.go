package faults

import (
	"context"
	"errors"
	"time"

	"github.com/pianola/pianola/internal/trial/harness"
	"github.com/pianola/pianola/internal/trial/tcpproxy"
)

const (
	maxWork   = 100 * time.Millisecond
	maxStrike = 2500 * time.Millisecond // sessions and inserts are bounded by 1 s
	maxBytes  = 60_000                  // that a connection carries before it is cut; a batch is larger
)

// ClickHouseConnection puts faults between one consumer and ClickHouse.
func ClickHouseConnection() harness.Trial {
	return harness.Trial{Name: "clickhouse", Fault: "fault on the connection to ClickHouse", Times: 30, Proxied: true,
		New: func(r *harness.Round) harness.Scenario { return oneConnection(r, r.Proxy) }}
}

// KafkaConnection puts faults between one consumer and the broker.
func KafkaConnection() harness.Trial {
	return harness.Trial{Name: "kafka", Fault: "fault on the connection to Kafka", Times: 30,
		New: func(r *harness.Round) harness.Scenario { return oneConnection(r, r.Env.Broker.Proxy) }}
}

func oneConnection(r *harness.Round, proxy *tcpproxy.Proxy) harness.Scenario {
	return harness.Scenario{Run: r.CauseFaults(harness.FaultLoop{MaxWork: maxWork, Strike: func(ctx context.Context) (int, error) {
		return strikeProxies(ctx, r, proxy)
	}})}
}

// Network puts faults between two instances and ClickHouse, Kafka, or both at once.
func Network() harness.Trial {
	return harness.Trial{Name: "network", Fault: "fault on the connections of two instances", Times: 30, Proxied: true,
		New: func(r *harness.Round) harness.Scenario {
			return harness.Scenario{Run: r.CauseFaults(harness.FaultLoop{Pair: true, MaxWork: maxWork, Strike: func(ctx context.Context) (int, error) {
				return strikeNetwork(ctx, r)
			}})}
		}}
}

// strikeNetwork puts a fault on one connection, or on both at once.
func strikeNetwork(ctx context.Context, r *harness.Round) (int, error) {
	switch r.Dice.IntN(3) {
	case 0:
		r.Count("to ClickHouse alone", 1)
		return strikeProxies(ctx, r, r.Proxy)
	case 1:
		r.Count("to Kafka alone", 1)
		return strikeProxies(ctx, r, r.Env.Broker.Proxy)
	default:
		r.Count("to both at once", 1)
		return strikeProxies(ctx, r, r.Proxy, r.Env.Broker.Proxy)
	}
}

// strikeProxies puts a random fault on each proxy, for a random time. It returns how many.
func strikeProxies(ctx context.Context, r *harness.Round, proxies ...*tcpproxy.Proxy) (struck int, err error) {
	for _, proxy := range proxies {
		f := tcpproxy.Draw(r.Dice)
		if err = proxy.Strike(f, r.Dice.IntN(maxBytes)); err != nil {
			break
		}
		defer func() { err = errors.Join(err, proxy.Heal(context.WithoutCancel(ctx), f)) }()
		struck++
		r.Count(f.Name, 1)
	}
	if err == nil {
		err = r.Pause(ctx, maxStrike)
	}
	return struck, err
}
