package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/shopspring/decimal"
)

func checkChGo(ctx context.Context, s server) (err error) {
	dial := func(password string) (*ch.Client, error) {
		return ch.Dial(ctx, ch.Options{Address: s.native, Database: s.database, User: s.user, Password: password, Compression: ch.CompressionLZ4})
	}
	c, err := dial(s.password)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	other, err := dial(s.password)
	if err != nil {
		return err
	}
	defer func() { _ = other.Close() }() // cancelling has closed it
	do := func(q ch.Query) error { return c.Do(ctx, q) }
	if err := do(ch.Query{Body: "CREATE TABLE clients_ch_go " + columns}); err != nil {
		return err
	}
	id, at, amount := new(proto.ColUUID), new(proto.ColDateTime64).WithPrecision(proto.PrecisionMilli).WithLocation(time.UTC), new(proto.ColDecimal64)
	// ch-go writes a null map into LowCardinality(Nullable): a String column is
	// inserted, and the server converts it.
	plan := proto.NewColNullable[string](new(proto.ColStr))
	for _, one := range rows() {
		id.Append(one.ID)
		at.Append(one.At)
		amount.Append(proto.Decimal64(one.Amount.Shift(4).IntPart()))
		plan.Append(nullable(one.Plan))
	}
	input := proto.Input{{Name: "id", Data: id}, {Name: "at", Data: at}, {Name: "amount", Data: proto.Alias(amount, "Decimal(18, 4)")}, {Name: "plan", Data: plan}}
	if err := do(ch.Query{Body: input.Into("clients_ch_go"), Input: input}); err != nil {
		return fmt.Errorf("insert: %w", err)
	}
	var stored []row
	for _, column := range []proto.Resettable{id, at, amount, plan} {
		column.Reset()
	}
	if err := do(ch.Query{
		Body:   "SELECT id, at, amount, CAST(plan, 'Nullable(String)') AS plan FROM clients_ch_go ORDER BY at",
		Result: proto.Results{{Name: "id", Data: id}, {Name: "at", Data: at}, {Name: "amount", Data: proto.Alias(amount, "Decimal(18, 4)")}, {Name: "plan", Data: plan}},
		OnResult: func(context.Context, proto.Block) error {
			for i := range id.Rows() {
				stored = append(stored, row{id.Row(i), at.Row(i), decimal.New(int64(amount.Row(i)), -4), pointer(plan.Row(i))})
			}
			return nil
		},
	}); err != nil {
		return err
	}
	var seen []event
	action, value := new(proto.ColStr).LowCardinality(), proto.NewColNullable[float64](new(proto.ColFloat64))
	if err := do(ch.Query{
		Body:   view,
		Result: proto.Results{{Name: "subscription_action", Data: action}, {Name: "transaction_value", Data: value}},
		OnResult: func(context.Context, proto.Block) error {
			for i := range action.Rows() {
				seen = append(seen, event{action.Row(i), pointer(value.Row(i))})
			}
			return nil
		},
	}); err != nil {
		return err
	}
	_, refused := dial(s.password + "?")
	return errors.Join(
		same("rows of the table", stored, rows()),
		same("view", seen, events()),
		isException(proto.ErrAuthenticationFailed, refused),
		isException(proto.ErrUnknownTable, do(ch.Query{Body: "SELECT * FROM clients_ch_go_missing"})),
		isException(proto.ErrTimeoutExceeded, do(slowQuery("", ", max_execution_time = 1"))),
		cancels(ctx,
			func(ctx context.Context) error { return other.Do(ctx, slowQuery("clients_ch_go", "")) },
			func() (uint64, error) {
				var n proto.ColUInt64
				err := do(ch.Query{Body: running + "'clients_ch_go'", Result: proto.ResultColumn{Data: &n}})
				if err != nil {
					return 0, err
				}
				return n.Row(0), nil
			}),
	)
}

func slowQuery(id, settings string) ch.Query {
	return ch.Query{
		Body: slow + settings, QueryID: id,
		Result:   proto.Results{{Name: "slept", Data: new(proto.ColUInt8)}},
		OnResult: func(context.Context, proto.Block) error { return nil },
	}
}

func isException(want proto.Error, err error) error {
	if !ch.IsErr(err, want) {
		return fmt.Errorf("want an exception with code %d, got: %w", int(want), err)
	}
	return nil
}

func nullable(s *string) proto.Nullable[string] {
	if s == nil {
		return proto.Null[string]()
	}
	return proto.NewNullable(*s)
}

func pointer[T any](n proto.Nullable[T]) *T {
	if v, set := n.Value, n.Set; set {
		return &v
	}
	return nil
}
