package care

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/piano/customer"
	"github.com/pianola/pianola/transform"
)

// maxSearch limits a search, in bytes.
const maxSearch = 200

// searchContent is the answer of a search. Query is what the person typed: it goes into
// the form that shows the names, and nowhere else.
type searchContent struct {
	By, Query string
	Asked     string // what was searched, without the value
	Rows      []row
	Problems  []string
	More      string
	Shown     bool
}

// search finds users by an id in our tables, and by address or name in Piano. A name never
// leaves for ClickHouse, since it logs queries; of an address, the hash does.
func (p pages) search(w http.ResponseWriter, req *http.Request) {
	if !p.form(w, req) {
		return
	}
	text := strings.TrimSpace(req.PostForm.Get("q"))
	content := searchContent{By: req.PostForm.Get("by"), Query: text, Shown: req.PostForm.Get("show") != ""}
	if text == "" || len(text) > maxSearch {
		p.Fail(w, req, http.StatusBadRequest, "Enter what to search for, at most 200 bytes.")
		return
	}
	var ids []string
	persons := map[string]customer.User{}
	add := func(found ...customer.User) {
		for _, u := range found {
			persons[u.UID] = u
			ids = append(ids, u.UID)
		}
	}
	problem := func(what string, err error) {
		if err != nil {
			content.Problems = append(content.Problems, what+": "+err.Error())
		}
	}
	hash, isAddress := transform.HashAddress(text)
	switch {
	case isAddress:
		content.Asked = "an e-mail address"
		ours, err := p.idsBy(req, "SELECT DISTINCT user_id FROM piano_subscriber_event_stream WHERE (user_email_hash_sha256 = {hash:String} OR user_id = concat('sha256:', {hash:String})) AND user_id != '' LIMIT 25", "hash", hash)
		problem("Our tables could not be searched", err)
		ids = append(ids, ours...)
		found, err := p.Customers.Search(req.Context(), customer.Query{"email": text}, customer.Page{Limit: pageSize})
		problem("Piano could not be searched", err)
		add(found.Rows...)
		content.More = moreText(found)
		if u, err := p.Customers.User(req.Context(), text); err == nil { // the address may be the user id
			add(u)
		}
	case content.By == "id" && isID(text):
		content.Asked = "a user id or subscription id"
		ours, err := p.idsBy(req, "SELECT DISTINCT user_id FROM subscription_state WHERE subscription_id IN (SELECT {id:String} UNION ALL SELECT subscription_id FROM subscriptions WHERE user_id = {id:String})"+
			" AND (user_id = {id:String} OR subscription_id = {id:String}) AND user_id != '' LIMIT 25", "id", text)
		problem("Our tables could not be searched", err)
		ids = append(ids, ours...)
		switch u, err := p.Customers.User(req.Context(), text); {
		case err == nil:
			add(u)
		case len(ours) > 0:
		case errors.Is(err, piano.ErrNoUser):
			s, err := p.Customers.Piano().Get(req.Context(), text)
			if err == nil && s.UserID != "" {
				ids = append(ids, s.UserID)
			}
		default:
			problem("Piano could not be searched", err)
		}
	default:
		content.Asked = "a name, a part of an address, or an id of another form, in Piano alone"
		if content.By == "id" {
			switch u, err := p.Customers.User(req.Context(), text); {
			case err == nil:
				add(u)
			case !errors.Is(err, piano.ErrNoUser):
				problem("Piano could not be searched", err)
			}
		}
		found, err := p.Customers.List(req.Context(), customer.NewPersonal(text), customer.Page{Limit: pageSize})
		problem("Piano could not be searched", err)
		add(found.Rows...)
		content.More = moreText(found)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	rows, err := p.rowsOf(req.Context(), slices.DeleteFunc(ids, func(id string) bool { return strings.Contains(id, ",") }))
	if err != nil {
		p.FailRead(w, req, err)
		return
	}
	problem("Piano's marks could not be read", p.mark(req.Context(), rows))
	if content.Shown {
		if err := p.acting(req).RecordShown(req.Context(), "search result", ids...); err != nil {
			p.Fail(w, req, http.StatusBadGateway, err.Error())
			return
		}
	}
	for i := range rows {
		u := persons[rows[i].ID]
		rows[i].Name, rows[i].Email = sight(content.Shown).nameOf(u), sight(content.Shown).name(u.Email)
	}
	content.Rows = rows
	p.Page(w, req, http.StatusOK, "care-search", "Search", content)
}

// idForms are the forms of an id that no name has: a number, a letter and a number, Piano's
// subscriptions and users, a UUID and other long hexadecimal numbers.
var idForms = regexp.MustCompile(`^(?:[0-9]{1,20}|[A-Za-z][0-9]{4,20}|(?:RC|PNI)[0-9A-Za-z]{6,40}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-f]{16,64})$`)

// isID reports whether a text is certainly an id. Only such a text may be in a query of
// ClickHouse, which logs queries. A name has no digit, so each must have one.
func isID(text string) bool {
	return idForms.MatchString(text) && strings.ContainsAny(text, "0123456789")
}

func (p pages) idsBy(req *http.Request, sql, name, value string) ([]string, error) {
	t, err := p.Figures.Table(req.Context(), figures.Query{SQL: sql, Params: map[string]string{name: value}, Keep: listKeep})
	if err != nil {
		return nil, err
	}
	var ids []string
	for i := range t.Rows {
		ids = append(ids, t.Text(i, 0))
	}
	return ids, nil
}

// moreText says how many users Piano found beside those of the page.
func moreText(found customer.Listed[customer.User]) string {
	if more := found.Total - len(found.Rows); more > 0 {
		return "Piano has " + strconv.Itoa(more) + " more. Type more of the name."
	}
	return ""
}
