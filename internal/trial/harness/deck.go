package harness

import (
	"math/rand/v2"
	"slices"
)

// Deck deals cards in random order, and each card once before any comes again. So even
// a short trial has every kind of fault, and no kind comes more often than another.
type Deck[T any] struct {
	dice        *rand.Rand
	cards, rest []T
}

// Shuffled is a deck of some cards.
func Shuffled[T any](dice *rand.Rand, cards ...T) *Deck[T] { return &Deck[T]{dice: dice, cards: cards} }

// Top is the next card. It stays in the deck until Drop.
func (d *Deck[T]) Top() T {
	if len(d.rest) == 0 {
		d.rest = slices.Clone(d.cards)
		d.dice.Shuffle(len(d.rest), func(i, j int) { d.rest[i], d.rest[j] = d.rest[j], d.rest[i] })
	}
	return d.rest[0]
}

// Drop removes the card that Top returns.
func (d *Deck[T]) Drop() { d.rest = d.rest[1:] }

// Draw is Top and Drop.
func (d *Deck[T]) Draw() T {
	card := d.Top()
	d.Drop()
	return card
}
