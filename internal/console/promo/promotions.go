package promo

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/page"
	"github.com/pianola/pianola/internal/console/planpage"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/promo/promotion"
)

// codesShown is how many codes one page has. Piano has them by offset.
const codesShown = 50

// promotions is the list.
func (p pages) promotions(w http.ResponseWriter, req *http.Request) {
	if !p.asksPiano(w, req) {
		return
	}
	content, done := p.Load(w, req, page.PanelPage{Panels: []page.Panel{{
		ID: "promotions", Title: "Promotions", Sources: []string{"Piano"},
		About:   "A promotion is the rule of a discount; codes belong to one. Uses are redemptions: a code that a free trial or a delayed payment has reserved is not redeemed. A code that works once is masked.",
		Command: "pianola promo list",
		Read:    p.promotionTable, Fresh: true,
		Links: map[string]func(map[string]string) string{"promotion_id": func(row map[string]string) string { return promotionAddress(row["promotion_id"]) }},
		Empty: "Piano has no promotion.",
	}}})
	if !done {
		p.Page(w, req, http.StatusOK, "promo-promotions", "Promotions", content)
	}
}

// promotionTable reads all promotions, those that are over or have not started included.
func (p pages) promotionTable(ctx context.Context) (*figures.Table, error) {
	t := &figures.Table{AsOf: p.Now(), Columns: []figures.Column{
		{Name: "promotion_id", Type: "String"}, {Name: "name", Type: "String"}, {Name: "status", Type: "String"}, {Name: "discount", Type: "String"}, {Name: "periods", Type: "String"},
		{Name: "uses", Type: "UInt64"}, {Name: "uses_allowed", Type: "Nullable(UInt64)"}, {Name: "code", Type: "String"}, {Name: "starts", Type: "String"}, {Name: "ends", Type: "String"},
	}}
	all, err := p.Promotions.List(ctx, "all", "")
	for i := range all {
		one := &all[i]
		t.Rows = append(t.Rows, []any{one.ID, one.Name, one.Status, discountText(one), periodsText(one), one.Uses, one.UsesAllowed, codeText(one), day(one.StartsAt), day(one.EndsAt)})
	}
	if len(t.Rows) > figures.MaxRows {
		t.Rows, t.Cut = t.Rows[:figures.MaxRows], true
	}
	return t, err
}

// newContent is a form with what was entered.
type newContent struct {
	Form  url.Values
	Wrong string
	Arms  []int // rows of the form of an experiment
}

// newPromotion is the form.
func (p pages) newPromotion(w http.ResponseWriter, req *http.Request) {
	if p.asksPiano(w, req) {
		p.Page(w, req, http.StatusOK, "promo-new", "Create a promotion", newContent{Form: url.Values{"periods": {"1"}, "scope": {"all"}}})
	}
}

// createPromotion plans a promotion.
func (p pages) createPromotion(w http.ResponseWriter, req *http.Request) {
	if !p.asksPiano(w, req) || !p.form(w, req) {
		return
	}
	n, err := parsePromotion(req.PostForm)
	if err != nil {
		p.Page(w, req, http.StatusUnprocessableEntity, "promo-new", "Create a promotion", newContent{Form: req.PostForm, Wrong: err.Error()})
		return
	}
	create := func(ctx context.Context, record promotion.Record) (*shown, error) {
		report, err := p.Promotions.Create(ctx, n, record)
		return shownReport(report), err
	}
	p.propose(w, req, &change{
		title: "Create the promotion " + n.Name, button: "Create the promotion", back: "/promo/promotions",
		plan: func(ctx context.Context) (*shown, error) { return create(ctx, nil) }, do: create,
	})
}

// promotionContent is the page of one promotion.
type promotionContent struct {
	*promotion.Promotion
	Facts  []fact
	Counts []fact
	All    int
	State  promotion.State // of the listed codes; empty for all
	States []stateChoice
	Codes  []promotion.Code
	Total  int // of the state
	Offset int
	Next   string // address; empty on the last page
	First  string
	Shown  bool // the texts of unused codes are on the page
	Single bool // its codes are generated
	Wrong  string
	Why    string
}

type stateChoice struct {
	Value    promotion.State
	Label    string
	Selected bool
}

// promotion is the page of one promotion with its codes.
func (p pages) promotion(w http.ResponseWriter, req *http.Request) {
	p.showPromotion(w, req, http.StatusOK, req.URL.Query(), promotionContent{})
}

func (p pages) showPromotion(w http.ResponseWriter, req *http.Request, status int, values url.Values, content promotionContent) {
	if !p.asksPiano(w, req) {
		return
	}
	id := values.Get("id")
	if err := promotion.ValidateID(id); err != nil {
		p.Fail(w, req, http.StatusNotFound, "There is no such promotion.")
		return
	}
	content.State = promotion.State(values.Get("state"))
	if content.State != "" && !slices.Contains(promotion.States(), content.State) {
		p.Fail(w, req, http.StatusBadRequest, "There is no such state of a code.")
		return
	}
	if n, err := strconv.Atoi(values.Get("offset")); err == nil && n > 0 {
		content.Offset = n
	}
	ctx := req.Context()
	var err error
	if content.Promotion, err = p.Promotions.Get(ctx, id); err != nil {
		p.failPiano(w, req, err)
		return
	}
	counts, err := p.Promotions.Counts(ctx, id)
	if err != nil {
		p.failPiano(w, req, err)
		return
	}
	if content.Codes, content.Total, err = p.Promotions.CodePage(ctx, id, content.State, content.Offset, codesShown); err != nil {
		p.failPiano(w, req, err)
		return
	}
	for i, code := range content.Codes {
		if !content.Shown {
			content.Codes[i] = code.Masked()
		}
	}
	content.Facts, content.Single = factsOf(content.Promotion), content.FixedCode == ""
	content.States = []stateChoice{{"", "all", content.State == ""}}
	for _, s := range promotion.States() {
		content.All += counts[s]
		content.Counts = append(content.Counts, fact{stateText(s), strconv.Itoa(counts[s])})
		content.States = append(content.States, stateChoice{s, stateText(s), s == content.State})
	}
	address := url.Values{"id": {id}}
	if content.State != "" {
		address.Set("state", string(content.State))
	}
	content.First = "/promo/promotion?" + address.Encode()
	if content.Offset+len(content.Codes) < content.Total && len(content.Codes) > 0 {
		address.Set("offset", strconv.Itoa(content.Offset+len(content.Codes)))
		content.Next = "/promo/promotion?" + address.Encode()
	}
	p.Page(w, req, status, "promo-promotion", content.Name, content)
}

// failPiano writes the page for an error of Piano.
func (p pages) failPiano(w http.ResponseWriter, req *http.Request, err error) {
	if errors.Is(err, piano.ErrNotFound) {
		p.Fail(w, req, http.StatusNotFound, "Piano has no such promotion.")
		return
	}
	p.FailRead(w, req, err)
}

// showCodes shows the texts of codes that nobody has used, or writes them as CSV. It is
// recorded before, with the reason.
func (p pages) showCodes(w http.ResponseWriter, req *http.Request) {
	if !p.asksPiano(w, req) {
		return
	}
	why, wrong := planpage.Reason(req)
	id := req.PostForm.Get("id")
	if wrong == "" && promotion.ValidateID(id) == nil {
		err := p.recordOf(planpage.Actor(req), why)(req.Context(), promotion.Step{
			ActionID: uuid.New(), Step: "final", Action: "promo_show_codes", Object: "promotion:" + id, Outcome: promotion.Done, Answer: "shown",
		})
		if err != nil {
			p.Fail(w, req, http.StatusBadGateway, "Nothing is shown, since it could not be recorded: "+err.Error())
			return
		}
		if req.PostForm.Has("csv") {
			p.codesAsCSV(w, req, id)
			return
		}
	}
	status := http.StatusOK
	if wrong != "" {
		status = http.StatusUnprocessableEntity
	}
	p.showPromotion(w, req, status, req.PostForm, promotionContent{Shown: wrong == "", Wrong: wrong, Why: why})
}

// codesAsCSV writes the codes of a promotion that can be used.
func (p pages) codesAsCSV(w http.ResponseWriter, req *http.Request, id string) {
	all, err := p.Promotions.Codes(req.Context(), id, []promotion.State{promotion.Active}, "")
	if err != nil {
		p.failPiano(w, req, err)
		return
	}
	t := &figures.Table{Columns: []figures.Column{{Name: "promo_code_id", Type: "String"}, {Name: "code", Type: "String"}, {Name: "created_at", Type: "String"}}}
	for _, c := range all {
		created := ""
		if c.CreatedAt != nil {
			created = c.CreatedAt.UTC().Format(time.RFC3339)
		}
		t.Rows = append(t.Rows, []any{c.ID, c.Text, created})
	}
	p.download(w, "codes", t)
}

// download writes a table as a CSV file.
func (p pages) download(w http.ResponseWriter, name string, t *figures.Table) {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	w.Header().Set("Content-Disposition", `attachment; filename="pianola-`+name+`.csv"`)
	if err := t.WriteCSV(w); err != nil {
		p.Log.Debug("csv not written")
	}
}

// generateCodes plans a batch of codes.
func (p pages) generateCodes(w http.ResponseWriter, req *http.Request) {
	if !p.asksPiano(w, req) || !p.form(w, req) {
		return
	}
	batch, err := parseBatch(req.PostForm)
	if err != nil {
		p.showPromotion(w, req, http.StatusUnprocessableEntity, req.PostForm, promotionContent{Wrong: "The form has a mistake: " + err.Error() + "."})
		return
	}
	generate := func(ctx context.Context, record promotion.Record) (*shown, error) {
		report, err := p.Promotions.Generate(ctx, batch, record)
		if report != nil && record == nil {
			batch.Seen = report.CodesBefore
		}
		return shownReport(report), err
	}
	p.propose(w, req, &change{
		title: "Generate " + strconv.Itoa(batch.Amount) + " codes", button: "Generate the codes", back: promotionAddress(batch.PromotionID),
		plan: func(ctx context.Context) (*shown, error) { return generate(ctx, nil) }, do: generate,
	})
}

// addCode plans one code with a text of its own.
func (p pages) addCode(w http.ResponseWriter, req *http.Request) {
	if !p.asksPiano(w, req) || !p.form(w, req) {
		return
	}
	id, code := req.PostForm.Get("id"), req.PostForm.Get("code")
	if err := errors.Join(promotion.ValidateID(id), promotion.ValidateCode("code", code)); err != nil {
		p.showPromotion(w, req, http.StatusUnprocessableEntity, req.PostForm, promotionContent{Wrong: "The form has a mistake: " + err.Error() + "."})
		return
	}
	add := func(ctx context.Context, record promotion.Record) (*shown, error) {
		report, err := p.Promotions.AddCode(ctx, id, code, record)
		return shownReport(report), err
	}
	p.propose(w, req, &change{
		title: "Add a code", button: "Add the code", back: promotionAddress(id),
		plan: func(ctx context.Context) (*shown, error) { return add(ctx, nil) }, do: add,
	})
}
