package care

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/piano/customer"
)

const (
	// maxGrants limits a list on the page: each line costs several calls, and a request
	// has a time limit. `pianola access grant --file` takes longer lists.
	maxGrants = 50
	// grantTime is how long a request works on a list. What is left continues with the same
	// form.
	grantTime = 30 * time.Second
)

// grantContent is the page of a grant to several users, with what was entered. List may
// have addresses: it comes from the browser and returns to it, and stays nowhere.
type grantContent struct {
	Resources []option
	Problem   string

	List, Resource, At, Text string
	SendMail                 bool
	Job                      string // nonce of the list

	Planned, Executed bool
	Lines             []actions.Line
	Counts            string
	Stopped           string
	Fields            []field
}

// grant is the form. Users that were selected in the list stand in it.
func (p pages) grant(w http.ResponseWriter, req *http.Request) {
	if !p.form(w, req) {
		return
	}
	content := grantContent{List: strings.Join(req.PostForm["user"], "\n")}
	p.resources(req, &content)
	p.Page(w, req, http.StatusOK, "care-grant", "Grant access", content)
}

func (p pages) resources(req *http.Request, content *grantContent) {
	all, err := p.Customers.Resources(req.Context())
	if err != nil {
		content.Problem = "The resources could not be read: " + err.Error()
	}
	for _, r := range all {
		content.Resources = append(content.Resources, option{r.ID, cmp.Or(r.Name, r.ID)})
	}
}

// planGrants plans each line of a list.
func (p pages) planGrants(w http.ResponseWriter, req *http.Request) { p.grants(w, req, false) }

// executeGrants executes each line once. The same form continues a list that was
// interrupted.
func (p pages) executeGrants(w http.ResponseWriter, req *http.Request) { p.grants(w, req, true) }

func (p pages) grants(w http.ResponseWriter, req *http.Request, execute bool) {
	content, items, err := p.readGrants(w, req)
	if err != nil {
		p.Fail(w, req, http.StatusBadRequest, "Nothing was changed: "+err.Error()+".")
		return
	}
	reason := req.PostForm.Get("reason")
	if execute {
		if _, err := actions.ParseReason(reason); err != nil {
			p.Fail(w, req, http.StatusBadRequest, "Nothing was changed: "+err.Error()+".")
			return
		}
	}
	ctx, cancel := context.WithTimeout(req.Context(), grantTime)
	defer cancel()
	job := actions.JobID(content.Job, []string{"console grant", content.Resource, content.At})
	counts := map[actions.Outcome]int{}
	err = p.acting(req).Bulk(ctx, job, items, reason, execute, func(l actions.Line) {
		counts[l.Outcome]++
		content.Lines = append(content.Lines, l)
	})
	if err != nil {
		content.Stopped = err.Error()
	}
	var parts []string
	for _, one := range []actions.Outcome{actions.Planned, actions.Done, actions.Pending, actions.Refused, actions.Unknown, actions.Failed} {
		if counts[one] > 0 {
			parts = append(parts, countText(counts[one], string(one), string(one)))
		}
	}
	content.Counts, content.Planned, content.Executed = strings.Join(parts, ", "), !execute, execute
	p.Page(w, req, http.StatusOK, "care-grants", "Grant access", content)
}

// readGrants reads the form, with a pasted or uploaded list.
func (p pages) readGrants(w http.ResponseWriter, req *http.Request) (grantContent, []actions.Item, error) {
	if err := req.ParseMultipartForm(1 << 20); err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return grantContent{}, nil, errors.New("the form is too large, or is not a form")
	}
	list := req.PostForm.Get("list")
	if file, _, err := req.FormFile("file"); err == nil {
		defer file.Close()
		text, err := io.ReadAll(file)
		if err != nil {
			return grantContent{}, nil, errors.New("the file could not be read")
		}
		list += "\n" + string(text)
	}
	content := grantContent{List: strings.TrimSpace(list), Resource: req.PostForm.Get("resource_id"), At: req.PostForm.Get("at"),
		Text: req.PostForm.Get("text"), SendMail: req.PostForm.Get("send_mail") != "", Job: cmp.Or(req.PostForm.Get("job"), uuid.NewString())}
	action := actions.Action{Kind: actions.GrantAccess, ResourceID: content.Resource, SendMail: content.SendMail, Text: customer.NewPersonal(content.Text)}
	if content.At != "" {
		at, err := parseDay(content.At)
		if err != nil {
			return content, nil, err
		}
		action.At = at
	}
	items, err := actions.ParseUsers(content.List, action)
	switch {
	case err != nil:
		return content, nil, err
	case len(items) > maxGrants:
		return content, nil, errors.New("the list has more than 50 users: use pianola access grant --file, which continues after an interruption")
	}
	return content, items, nil
}
