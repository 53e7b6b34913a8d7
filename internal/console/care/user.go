package care

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/piano/customer"
	"github.com/pianola/pianola/transform"
)

// tab is one part of a user's page.
type tab struct {
	Key, Title string
	// Source says where its rows come from, and Lacks what the API does not offer, with the
	// best substitute.
	Source, Lacks string
	// personal: it has texts that are hidden until they are asked for.
	personal bool
	load     func(*view) error
}

// tabs are all of them; the first one is the usual one.
func tabs() []tab {
	return []tab{
		{Key: "subscriptions", Title: "Subscriptions", load: (*view).loadSubscriptions,
			Source: "Piano, now; the lines “stream” are from subscription_state.",
			Lacks:  "No subscription of the API has its promo code: the tab Transactions has it, from conversions."},
		{Key: "access", Title: "Access", load: (*view).loadAccess,
			Source: "Piano, now.",
			Lacks:  "Piano does not list revoked accesses: the tab Timeline has those that were revoked here."},
		{Key: "transactions", Title: "Transactions", load: (*view).loadTransactions,
			Source: "Piano's conversions, now; the second table is from the event stream.",
			Lacks:  "No public API lists all payments of a user. A payment without a conversion is in the stream only, and can be refunded in Piano's console."},
		{Key: "timeline", Title: "Timeline", load: (*view).loadTimeline,
			Source: "The event stream (subscription_timeline) and our actions (actions_log).",
			Lacks:  "Piano's own history has no public API. What an agent does in Piano's console shows here only where it makes an event."},
		{Key: "inquiries", Title: "Inquiries", load: (*view).loadInquiries, personal: true,
			Source: "Piano, now. The texts are not stored.",
			Lacks:  "Only the user can open an inquiry. A resolved one takes no more comments."},
		{Key: "notes", Title: "Notes", load: (*view).loadNotes, personal: true,
			Source: "Piano, now. The texts are not stored.",
			Lacks:  "No public API deletes a note: edit its text instead."},
		{Key: "emails", Title: "E-mails", load: (*view).loadMails, personal: true,
			Source: "Piano's mail log, now.",
			Lacks:  "Piano's public API cannot send an e-mail, nor send one again: reply to an inquiry, or send a message with a granted access. Bodies are not shown, since they have links that log in."},
		{Key: "wallet", Title: "Wallet", load: (*view).loadWallet, personal: true,
			Source: "Piano, now: the payment methods that the user's subscriptions and conversions name.",
			Lacks:  "No public API lists a wallet, so an unused method is missing. To add, edit or remove one needs the payment provider's token: use Piano's console."},
	}
}

// view is the page of one user, as one request makes it.
type view struct {
	pages
	req     *http.Request
	sight   sight
	roles   actions.Roles
	feature customer.Features

	ID      string
	Tab     tab
	Tabs    []tab
	Summary row
	Profile profile
	Problem string // of the tab
	More    bool   // the list of the tab is longer

	Subscriptions []subscriptionView
	Accesses      []accessView
	Payments      []paymentView
	Charges       []chargeView
	Timeline      []timelineRow
	Inquiries     []inquiryView
	Notes         []noteView
	Mails         []mailView
	Methods       []methodView
	Buttons       buttons // of the user
}

// profile is what Piano says about a user.
type profile struct {
	Known                               bool
	Problem                             string
	Name, Email, Hash                   string
	Created, LastVisit, LastLogin, Open string
	Custom                              []customField
	user                                customer.User
}

type customField struct{ Name, Value string }

// Shown reports whether personal texts are shown.
func (v *view) Shown() bool { return bool(v.sight) }

// Personal reports whether the page has something to show.
func (v *view) Personal() bool { return v.Profile.Known || v.Tab.personal }

// user is the page of one user.
func (p pages) user(w http.ResponseWriter, req *http.Request) {
	q := req.URL.Query()
	p.userPage(w, req, q.Get("id"), q.Get("tab"), q.Get("inquiry"), false)
}

// show is the same page with its personal texts. Each showing is recorded before.
func (p pages) show(w http.ResponseWriter, req *http.Request) {
	if !p.form(w, req) {
		return
	}
	id, name := req.PostForm.Get("id"), tabOf(req.PostForm.Get("tab")).Key
	if !validID(id) {
		p.Fail(w, req, http.StatusBadRequest, "This is not a user id.")
		return
	}
	if err := p.acting(req).RecordShown(req.Context(), "tab "+name, id); err != nil {
		p.Fail(w, req, http.StatusBadGateway, err.Error())
		return
	}
	p.userPage(w, req, id, name, req.PostForm.Get("inquiry"), true)
}

// validID reports whether a text can be an id. An address is not one.
func validID(id string) bool {
	return id != "" && len(id) <= maxSearch && !strings.ContainsAny(id, "@,") && transform.Guard(id) == id
}

func tabOf(key string) tab {
	all := tabs()
	return all[max(0, slices.IndexFunc(all, func(t tab) bool { return t.Key == key }))]
}

func (p pages) userPage(w http.ResponseWriter, req *http.Request, id, key, inquiry string, shown bool) {
	if !validID(id) {
		p.Fail(w, req, http.StatusBadRequest, "This is not a user id. Search for e-mail addresses and names by the form of the users.")
		return
	}
	v := &view{pages: p, req: req, sight: sight(shown), roles: rolesOf(req), ID: id, Tab: tabOf(key), Tabs: tabs()}
	rows, err := p.rowsOf(req.Context(), []string{id})
	if err != nil {
		p.FailRead(w, req, err)
		return
	}
	v.Summary = rows[0]
	v.load(inquiry)
	if !v.Summary.Known && !v.Profile.Known && v.Profile.Problem == noUser {
		p.Fail(w, req, http.StatusNotFound, "Neither our tables nor Piano have this user.")
		return
	}
	p.Page(w, req, http.StatusOK, "care-user", "User "+id, v)
}

const noUser = "Piano has no such user."

// load reads the profile and the tab from Piano. What fails is a problem of its part.
func (v *view) load(inquiry string) {
	if !v.original() {
		v.Profile.Problem = "The user id contains an e-mail address, which is known only as a hash. Search for the address, and open the user from there."
		if v.Tab.Key != "timeline" {
			return
		}
	}
	var group errgroup.Group
	group.Go(func() error { v.loadProfile(); return nil })
	group.Go(func() error {
		var err error
		if v.feature, err = v.Customers.Features(v.req.Context()); err == nil || v.Tab.Key == "timeline" {
			err = v.Tab.load(v)
		}
		if err != nil {
			v.Problem = err.Error()
		}
		return nil
	})
	_ = group.Wait() // problems are in the view
	if v.Profile.Known {
		v.userButtons()
	}
	v.expand(inquiry)
}

// original reports whether Piano can be asked about the user. For an id that is an address,
// Piano names the original beside one of the user's subscriptions.
func (v *view) original() bool {
	if _, err := v.Customers.Original(v.ID); err == nil {
		return true
	}
	ids, err := v.idsBy(v.req, "SELECT subscription_id FROM subscription_state WHERE user_id = {id:String} ORDER BY last_event_at DESC LIMIT 3", "id", v.ID)
	for _, id := range ids {
		if err == nil {
			err = v.Customers.LearnUser(v.req.Context(), id)
		}
	}
	_, err = v.Customers.Original(v.ID)
	return err == nil
}

// loadProfile reads who the user is.
func (v *view) loadProfile() {
	if v.Profile.Problem != "" {
		return
	}
	u, err := v.Customers.User(v.req.Context(), v.ID)
	switch {
	case errors.Is(err, piano.ErrNoUser):
		v.Profile.Problem = noUser
		return
	case err != nil:
		v.Profile.Problem = err.Error()
		return
	}
	v.Profile = profile{Known: true, Name: v.sight.nameOf(u), Email: v.sight.name(u.Email), Hash: u.EmailHash,
		Created: dateText(u.CreatedAt), LastVisit: instantText(u.LastVisitAt), LastLogin: instantText(u.LastLoginAt), user: u}
	for _, f := range u.CustomFields {
		v.Profile.Custom = append(v.Profile.Custom, customField{f.Name, v.sight.text(f.Value)})
	}
	if n, err := v.Customers.OpenInquiries(v.req.Context(), v.ID); err == nil && n > 0 {
		v.Profile.Open = countText(n, "open inquiry", "open inquiries")
	}
}

// userButtons are the actions on the user as a whole, where their tab is open.
func (v *view) userButtons() {
	for _, d := range actions.Decisions(v.feature, actions.Target{User: &v.Profile.user}, v.roles) {
		place := map[actions.Kind]string{actions.GrantAccess: "access", actions.AddNote: "notes"}[d.Kind]
		if place != v.Tab.Key {
			continue
		}
		b := v.button(d, "user_id", v.ID)
		if d.Kind == actions.GrantAccess {
			resources, err := v.Customers.Resources(v.req.Context())
			if err != nil {
				b.Allowed, b.Why = false, "the resources could not be read: "+err.Error()
			}
			for _, r := range resources {
				b.Options = append(b.Options, option{r.ID, cmp.Or(r.Name, r.ID)})
			}
		}
		v.Buttons = append(v.Buttons, b)
	}
}
