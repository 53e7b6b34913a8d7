package promo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/page"
	"github.com/pianola/pianola/internal/console/planpage"
	"github.com/pianola/pianola/internal/promo/experiment"
	"github.com/pianola/pianola/internal/promo/promotion"
	"github.com/pianola/pianola/internal/promo/segment"
	"github.com/pianola/pianola/internal/promo/stats"
)

// experimentsQuery are all experiments: the first row of a name counts.
const experimentsQuery = `
SELECT experiment_id, segment, arrayStringConcat(arrayMap(a -> a.name, arms), ', ') AS arms, baseline, target, created_at, created_by
FROM (SELECT * FROM experiments FINAL ORDER BY created_at, salt LIMIT 1 BY experiment_id)
ORDER BY created_at DESC, experiment_id
LIMIT 1000`

// sizeContent is the sample size calculator with its values.
type sizeContent struct {
	Form  url.Values
	Wrong string
	Size  *experiment.Size
	Rise  string // that a control arm of the given size finds; empty without a size
}

// experimentsContent is the page of all experiments.
type experimentsContent struct {
	Size    sizeContent
	Figures any
}

func (p pages) experiments(w http.ResponseWriter, req *http.Request) {
	content := experimentsContent{Size: sizeOf(req.URL.Query())}
	var done bool
	if content.Figures, done = p.Load(w, req, page.PanelPage{Panels: []page.Panel{{
		ID: "experiments", Title: "Experiments", Sources: []string{"experiments"},
		About: "Segment, arms, weights and question of an experiment never change. The first arm is the control arm, which is shown no code.",
		Query: figures.Query{SQL: experimentsQuery}, Empty: "No experiment so far.",
		Links: map[string]func(map[string]string) string{
			"experiment_id": func(row map[string]string) string { return experimentAddress(row["experiment_id"]) },
			"segment":       func(row map[string]string) string { return segmentAddress(row["segment"]) },
		},
	}}}); !done {
		p.Page(w, req, http.StatusOK, "promo-experiments", "Experiments", content)
	}
}

// sizeOf computes the sample size for the values of an address.
func sizeOf(query url.Values) sizeContent {
	content := sizeContent{Form: url.Values{"baseline": {"0.02"}, "target": {"0.025"}, "alpha": {"0.05"}, "power": {"0.8"}, "arms": {"2"}, "people": {""}}}
	if !query.Has("baseline") {
		return content
	}
	var errs []error
	number := func(name string, usual float64) float64 {
		if value(query, name) == "" {
			return usual
		}
		content.Form.Set(name, value(query, name))
		n, err := strconv.ParseFloat(value(query, name), 64)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: want a number", name))
		}
		return n
	}
	plan := stats.Plan{Baseline: number("baseline", 0), Target: number("target", 0), Alpha: number("alpha", 0.05), Power: number("power", 0.8), Ratio: 1}
	arms, people := number("arms", 2), number("people", 0)
	if people < 0 || people > 1e12 {
		errs = append(errs, errors.New("people: want a number of people"))
	}
	if len(errs) == 0 {
		size, err := experiment.SizeOf(plan, int(arms), uint64(people))
		if content.Size = &size; err != nil {
			content.Size = nil
			errs = append(errs, err)
		}
		if size.Detectable != nil {
			content.Rise = percentText(rounded(*size.Detectable))
		} else if people > 0 {
			content.Rise = "no rise"
		}
	}
	if err := errors.Join(errs...); err != nil {
		content.Wrong = err.Error()
	}
	return content
}

func newExperimentContent(form url.Values, wrong string) newContent {
	content := newContent{Form: form, Wrong: wrong}
	for i := range maxFormArms {
		content.Arms = append(content.Arms, i)
	}
	return content
}

// newExperiment is the form.
func (p pages) newExperiment(w http.ResponseWriter, req *http.Request) {
	p.Page(w, req, http.StatusOK, "promo-new-experiment", "Create an experiment", newExperimentContent(url.Values{
		"segment": {req.URL.Query().Get("segment")}, "arm_name_0": {"control"}, "arm_weight_0": {"1"}, "arm_weight_1": {"1"}, "arm_weight_2": {"1"}, "arm_weight_3": {"1"},
		"conversion_days": {"14"}, "renewal_days": {"120"}, "alpha": {"0.05"}, "power": {"0.8"},
	}, ""))
}

// createExperiment plans an experiment.
func (p pages) createExperiment(w http.ResponseWriter, req *http.Request) {
	if !p.form(w, req) {
		return
	}
	e, err := parseExperiment(req.PostForm)
	if err != nil {
		p.Page(w, req, http.StatusUnprocessableEntity, "promo-new-experiment", "Create an experiment", newExperimentContent(req.PostForm, err.Error()))
		return
	}
	e.CreatedBy = planpage.Actor(req)
	facts := []fact{{"segment", e.Segment}, {"conversion", fmt.Sprintf("within %d days, from %s to %s", e.ConversionDays, percentText(e.Baseline), percentText(e.Target))},
		{"full-price renewal", fmt.Sprintf("within %d days", e.RenewalDays)}}
	for _, arm := range e.Arms {
		facts = append(facts, fact{"arm " + arm.Name, fmt.Sprintf("weight %d, %d people needed, %s", arm.Weight, arm.Planned, armText(arm))})
	}
	p.propose(w, req, &change{
		title: "Create the experiment " + e.ID, button: "Create the experiment", back: "/promo/experiments",
		plan: func(ctx context.Context) (*shown, error) {
			switch _, err := p.Experiments.Find(ctx, e.ID); {
			case err == nil:
				return &shown{Text: sentence(experiment.ErrExists.Error()), Mark: "warning", Impossible: true, Link: "Experiment " + e.ID, To: experimentAddress(e.ID)}, nil
			case !errors.Is(err, experiment.ErrUnknown):
				return nil, err
			}
			return &shown{Text: "Segment, arms, weights and question cannot be changed afterwards.", Facts: facts}, nil
		},
		do: func(ctx context.Context, record promotion.Record) (*shown, error) {
			err := recorded(ctx, record, "promo_experiment", "experiment:"+e.ID, e.Segment, func() (string, error) { return "created", p.Experiments.Create(ctx, e) })
			if err != nil {
				return nil, err
			}
			return &shown{Text: "The experiment was created. Assign the users of its segment next.", Mark: "note", Facts: facts, Link: "Experiment " + e.ID, To: experimentAddress(e.ID)}, nil
		},
	})
}

func armText(arm experiment.Arm) string {
	if arm.PromotionID == "" {
		return "no code"
	}
	return "promotion " + arm.PromotionID
}

func percentText(share float64) string {
	return strconv.FormatFloat(rounded(100*share), 'f', -1, 64) + " %"
}

// assign plans the assignment of the users of the segment who have no arm.
func (p pages) assign(w http.ResponseWriter, req *http.Request) {
	if !p.form(w, req) {
		return
	}
	e, err := p.Experiments.Find(req.Context(), req.PostForm.Get("id"))
	if err != nil {
		p.failExperiment(w, req, err)
		return
	}
	reference, err := segment.Parse(e.Segment)
	if err != nil {
		p.Fail(w, req, http.StatusConflict, "This version does not have the segment of the experiment: "+err.Error()+".")
		return
	}
	fresh := req.PostForm.Get("refresh") != ""
	p.propose(w, req, &change{
		title: "Assign users to the arms of " + e.ID, button: "Assign", back: experimentAddress(e.ID),
		plan: func(ctx context.Context) (*shown, error) {
			if fresh {
				now, err := p.Segments.Preview(ctx, reference)
				if err != nil {
					return nil, err
				}
				return &shown{Text: fmt.Sprintf("The segment will be materialised first: it has %d users now. Those without an arm will get one.", now.Users)}, nil
			}
			done, err := p.Experiments.Assign(ctx, e.ID, false)
			if err != nil {
				return nil, err
			}
			return shownAssignment(done), nil
		},
		do: func(ctx context.Context, record promotion.Record) (s *shown, err error) {
			err = recorded(ctx, record, "promo_assign", "experiment:"+e.ID, e.Segment, func() (string, error) {
				if fresh {
					if _, err := p.Segments.Refresh(ctx, reference); err != nil {
						return "", err
					}
				}
				done, err := p.Experiments.Assign(ctx, e.ID, true)
				if err != nil {
					return "", err
				}
				s = shownAssignment(done)
				s.Link, s.To = "Experiment "+e.ID, experimentAddress(e.ID)
				return s.Text, nil
			})
			return s, err
		},
	})
}

func shownAssignment(a *experiment.Assignment) *shown {
	var added uint64
	s := &shown{}
	for _, arm := range a.Arms {
		added += arm.Added
		s.Facts = append(s.Facts, fact{"arm " + arm.Arm, fmt.Sprintf("%d before, %d added, %d planned", arm.Before, arm.Added, arm.Planned)})
	}
	verb := "will be added"
	if a.Executed {
		verb, s.Mark = "were added", "note"
	}
	s.Text = fmt.Sprintf("%d users of the run as of %s UTC %s. Everybody keeps an arm for good.", added, a.AsOf.UTC().Format("2006-01-02 15:04:05"), verb)
	s.Impossible = added == 0 && !a.Executed
	return s
}

// failExperiment writes the page for an error of an experiment.
func (p pages) failExperiment(w http.ResponseWriter, req *http.Request, err error) {
	if errors.Is(err, experiment.ErrUnknown) {
		p.Fail(w, req, http.StatusNotFound, "There is no such experiment.")
		return
	}
	p.failState(w, req, err)
}

// experimentUsers writes the assigned users: of one arm the ids, or all with their arms.
func (p pages) experimentUsers(w http.ResponseWriter, req *http.Request) {
	id, arm := req.URL.Query().Get("id"), req.URL.Query().Get("arm")
	users, err := p.Experiments.Users(req.Context(), id, arm)
	if err != nil {
		p.failExperiment(w, req, err)
		return
	}
	if arm != "" && req.URL.Query().Get("format") == "ids" {
		p.ids(w, "experiment-"+id+"-"+arm, len(users), func(i int) string { return users[i].UserID })
		return
	}
	t := &figures.Table{Columns: []figures.Column{{Name: "user_id", Type: "String"}, {Name: "arm", Type: "String"}, {Name: "assigned_at", Type: "String"}}}
	for _, u := range users {
		t.Rows = append(t.Rows, []any{u.UserID, u.Arm, u.AssignedAt.UTC().Format(time.RFC3339)})
	}
	p.download(w, "experiment-"+id, t)
}

// verdictText is the name of a verdict for people.
func verdictText(v experiment.Verdict) string { return strings.ReplaceAll(string(v), "_", " ") }
