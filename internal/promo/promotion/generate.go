package promotion

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strconv"
	"strings"

	"github.com/pianola/pianola/internal/piano"
)

// MaxGenerated is the largest batch of codes.
const MaxGenerated = 10_000

// Batch is codes that are to be generated.
type Batch struct {
	PromotionID, Prefix string
	Amount              int
	// Seen is how many codes of each state the promotion had when the batch was planned. With
	// others nothing is sent: somebody else may have generated the same batch. nil is any.
	Seen map[State]int
}

// Validate reports every mistake at once.
func (b Batch) Validate() error {
	errs := []error{ValidateID(b.PromotionID)}
	if b.Amount < 1 || b.Amount > MaxGenerated {
		errs = append(errs, fmt.Errorf("number: want 1 to %d", MaxGenerated))
	}
	if b.Prefix != "" {
		errs = append(errs, ValidateCode("prefix", b.Prefix))
	}
	return errors.Join(errs...)
}

// Generate generates codes, each for one use, and counts them afterwards. Piano does not
// answer with the codes: Codes reads them. record is nil for a plan.
func (p Promotions) Generate(ctx context.Context, b Batch, record Record) (*Report, error) {
	id, prefix, amount := b.PromotionID, b.Prefix, b.Amount
	params := url.Values{"promotion_id": {id}, "promotion_code_prefix": {prefix}, "amount": {strconv.Itoa(amount)}}
	if prefix == "" {
		params.Del("promotion_code_prefix")
	}
	a := p.begin("promo_generate", record)
	a.plan(piano.GenerateCodes, params)
	before, err := a.look(ctx, id)
	if err != nil {
		return nil, err
	}
	a.report.CodesBefore = Count(before)
	switch now := a.report.Promotion; {
	case now.FixedCode != "":
		return a.end(ctx, Refused, "the promotion has one fixed code for all; generated codes need a promotion of their own", nil)
	case now.Removed:
		return a.end(ctx, Refused, "the promotion has been deleted", nil)
	case record == nil:
		return a.end(ctx, Planned, "", nil)
	case b.Seen != nil && !maps.Equal(a.report.CodesBefore, b.Seen):
		return a.end(ctx, Refused, "the codes of the promotion have changed since this was planned; look at them, and make a new plan", nil)
	}
	_, sent := a.send(ctx, piano.GenerateCodes, params)
	if sent != nil && !errors.Is(sent, piano.ErrOutcomeUnknown) {
		return a.notSent(ctx, sent)
	}
	look, cancel := lookContext(ctx)
	defer cancel()
	after, err := a.look(look, id)
	if err != nil {
		return a.end(look, Unknown, "the codes could not be counted afterwards; list them before you generate again", errors.Join(sent, err))
	}
	a.report.CodesAfter = Count(after)
	fresh, known := 0, map[string]bool{}
	for _, c := range before {
		known[c.ID] = true
	}
	otherwise := 0
	for _, c := range after {
		if !known[c.ID] {
			if fresh++; prefix != "" && !strings.HasPrefix(Normal(c.Text), Normal(prefix)) {
				otherwise++
			}
		}
	}
	switch {
	case sent != nil:
		return a.end(look, Unknown, fmt.Sprintf("the answer was lost, and there are %d new codes now; list them before you generate again", fresh), sent)
	case fresh != amount:
		a.report.Differences = append(a.report.Differences, Difference{"amount", strconv.Itoa(amount), strconv.Itoa(fresh)})
	}
	if otherwise > 0 {
		a.report.Differences = append(a.report.Differences, Difference{"code_prefix", prefix, fmt.Sprintf("%d codes without it", otherwise)})
	}
	if len(a.report.Differences) > 0 {
		return a.end(look, Differs, "Piano generated other codes than asked for", nil)
	}
	return a.end(look, Done, fmt.Sprintf("%d codes were generated; pianola promo codes lists them", fresh), nil)
}

// AddCode adds one code with a text of its own, and reads it back. record is nil for a plan.
func (p Promotions) AddCode(ctx context.Context, id, code string, record Record) (*Report, error) {
	params := url.Values{"promotion_id": {id}, "code": {code}}
	a := p.begin("promo_code", record)
	a.plan(piano.CreatePromotionCode, params)
	before, err := a.look(ctx, id)
	if err != nil {
		return nil, err
	}
	a.report.CodesBefore = Count(before)
	same, err := p.find(ctx, id, code)
	switch {
	case err != nil:
		return nil, err
	case same != nil:
		return a.end(ctx, Refused, "the promotion has this code already, as "+same.ID, nil)
	case record == nil:
		return a.end(ctx, Planned, "", nil)
	}
	_, sent := a.send(ctx, piano.CreatePromotionCode, params)
	if sent != nil && !errors.Is(sent, piano.ErrOutcomeUnknown) {
		return a.notSent(ctx, sent)
	}
	look, cancel := lookContext(ctx)
	defer cancel()
	made, err := p.find(look, id, code)
	switch {
	case err != nil:
		return a.end(look, Unknown, "the code could not be read back; run the command again, it looks first", errors.Join(sent, err))
	case made == nil && sent != nil:
		return a.end(look, Unknown, "the answer was lost, and the code is not there now; run the command again, it looks first", sent)
	case made == nil:
		a.report.Differences = []Difference{{"code", mask(code), "not there"}}
		return a.end(look, Differs, "Piano says that it is done, and the code is not there", nil)
	case made.State != Active:
		a.report.Differences = []Difference{{"state", string(Active), string(made.State)}}
		return a.end(look, Differs, "code "+made.ID+" cannot be used", nil)
	}
	return a.end(look, Done, "code "+made.ID+" was created, and read back", nil)
}

// look reads the promotion and its codes.
func (a *action) look(ctx context.Context, id string) ([]Code, error) {
	now, err := a.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	a.report.Promotion = now
	return a.Codes(ctx, id, nil, "")
}

// notSent ends an action whose request was not done.
func (a *action) notSent(ctx context.Context, err error) (*Report, error) {
	if a.report.Outcome == Refused {
		return a.end(ctx, Refused, err.Error(), nil)
	}
	return a.end(ctx, Failed, "nothing was changed", err)
}
