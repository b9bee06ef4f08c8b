//! Credits in bulk: payroll, a town's benefits. Two operators agree on a file by its root, and each
//! of its rows proves that it is in it.
//!
//! The root is that of a Merkle sum tree: a node's hash covers the hashes *and the sums* of what is
//! below it, so whoever agrees on a root agrees on the whole sum and on every row, and nobody who
//! carries the file to the server can change a row, add one, or do one twice. A level's last node
//! that has no neighbour is its own parent. Leaves, nodes and roots are hashed under names of their
//! own (BLAKE3), so that none passes for another (RFC 6962, section 2.1, tells why).

use crate::ids::MemberNumber;
use crate::money::AMOUNT_MAX;

/// The most rows of a file.
pub const ROWS_MAX: i64 = 100_000;

/// One row of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BulkRow {
    /// Its place, from 0.
    pub index: i64,
    /// Who gets it.
    pub member: MemberNumber,
    /// Minor units.
    pub amount: i64,
}

/// A node of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// What is below it.
    pub hash: [u8; 32],
    /// Minor units below it.
    pub sum: i64,
}

/// What two operators agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BulkRoot {
    /// Of the tree and of how many rows it has.
    pub hash: [u8; 32],
    /// How many rows.
    pub rows: i64,
    /// Minor units of all.
    pub sum: i64,
}

fn leaf(row: &BulkRow) -> Node {
    let mut hasher = blake3::Hasher::new_derive_key("yaoki bulk leaf 1");
    for number in [row.index, row.member.0, row.amount] {
        hasher.update(&number.to_be_bytes());
    }
    Node { hash: *hasher.finalize().as_bytes(), sum: row.amount }
}

fn join(left: &Node, right: &Node) -> Option<Node> {
    let mut hasher = blake3::Hasher::new_derive_key("yaoki bulk node 1");
    for node in [left, right] {
        hasher.update(&node.hash);
        hasher.update(&node.sum.to_be_bytes());
    }
    let sum = left.sum.checked_add(right.sum)?;
    Some(Node { hash: *hasher.finalize().as_bytes(), sum })
}

fn root_of(top: &Node, rows: i64) -> BulkRoot {
    let mut hasher = blake3::Hasher::new_derive_key("yaoki bulk root 1");
    hasher.update(&top.hash);
    for number in [top.sum, rows] {
        hasher.update(&number.to_be_bytes());
    }
    BulkRoot { hash: *hasher.finalize().as_bytes(), rows, sum: top.sum }
}

/// A file's tree, level by level, leaves first.
#[derive(Clone, Debug)]
pub struct BulkTree(Vec<Vec<Node>>);

impl BulkTree {
    /// Of the rows of a file, in order; none where there are none, too many, or one that is not in
    /// its place or not of an amount that may be credited.
    pub fn new(rows: &[BulkRow]) -> Option<Self> {
        let count = i64::try_from(rows.len()).ok()?;
        let good = |(row, index): (&BulkRow, i64)| {
            row.index == index && (1..=AMOUNT_MAX).contains(&row.amount)
        };
        if !(1..=ROWS_MAX).contains(&count) || !rows.iter().zip(0..).all(good) {
            return None;
        }
        let mut levels = vec![rows.iter().map(leaf).collect::<Vec<Node>>()];
        while levels.last()?.len() > 1 {
            let below = levels.last()?;
            let above = below.chunks(2).map(|pair| match pair {
                [left, right] => join(left, right),
                alone => alone.first().copied(),
            });
            levels.push(above.collect::<Option<Vec<Node>>>()?);
        }
        Some(Self(levels))
    }

    /// What is agreed on.
    ///
    /// # Panics
    /// Never: a tree has rows.
    pub fn root(&self) -> BulkRoot {
        let top = self.0.last().and_then(|level| level.first()).expect("a tree has rows");
        root_of(top, i64::try_from(self.0[0].len()).expect("few rows"))
    }

    /// The neighbours by which a row leads to the root, from below; none where there is no such
    /// row.
    pub fn path(&self, index: usize) -> Option<Vec<Node>> {
        self.0[0].get(index)?;
        let mut place = index;
        let mut path = Vec::new();
        for level in &self.0 {
            path.extend(level.get(place ^ 1).filter(|_| level.len() > 1));
            place /= 2;
        }
        Some(path)
    }
}

impl BulkRow {
    /// Whether this row is in the file of this root: `path` is what [`BulkTree::path`] gave.
    pub fn is_in(&self, root: &BulkRoot, path: &[Node]) -> bool {
        self.climb(root, path).is_some_and(|reached| reached == *root)
    }

    fn climb(&self, root: &BulkRoot, path: &[Node]) -> Option<BulkRoot> {
        let (mut place, mut width) = (self.index, root.rows);
        if !(1..=ROWS_MAX).contains(&width) || !(0..width).contains(&place) {
            return None;
        }
        let mut path = path.iter();
        let mut node = leaf(self);
        while width > 1 {
            let neighbour = place ^ 1;
            if neighbour < width {
                let other = path.next().filter(|other| other.sum > 0)?;
                node = if place < neighbour { join(&node, other) } else { join(other, &node) }?;
            }
            (place, width) = (place / 2, (width + 1) / 2);
        }
        path.next().is_none().then(|| root_of(&node, root.rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows() -> impl Strategy<Value = Vec<BulkRow>> {
        let row = (1..1_000_000_i64, 1..=AMOUNT_MAX);
        prop::collection::vec(row, 1..70).prop_map(|rows| {
            let row = |((member, amount), index)| {
                let member = MemberNumber(member);
                BulkRow { index, member, amount }
            };
            rows.into_iter().zip(0..).map(row).collect()
        })
    }

    proptest! {
        #[test]
        fn every_row_leads_to_the_root_and_no_other_does(
            rows in rows(), place in 0_usize..70, other in 1..=AMOUNT_MAX
        ) {
            let tree = BulkTree::new(&rows).expect("a tree");
            let root = tree.root();
            prop_assert_eq!(root.sum, rows.iter().map(|row| row.amount).sum::<i64>());
            let place = place % rows.len();
            let (row, path) = (rows[place], tree.path(place).expect("it is there"));
            prop_assert!(row.is_in(&root, &path));
            // Not with another amount, another member, in another place, or under another root.
            prop_assume!(other != row.amount);
            let changed = BulkRow { amount: other, ..row };
            prop_assert!(!changed.is_in(&root, &path));
            let changed = BulkRow { member: MemberNumber(row.member.0 + 1), ..row };
            prop_assert!(!changed.is_in(&root, &path));
            for index in [row.index ^ 1, row.index + 2, row.index + root.rows, -1] {
                let moved = BulkRow { index, ..row };
                prop_assert!(!moved.is_in(&root, &path));
            }
            let (more, longer) = (root.sum + 1, root.rows + 1);
            let others = [BulkRoot { sum: more, ..root }, BulkRoot { rows: longer, ..root }];
            prop_assert!(others.iter().all(|other| !row.is_in(other, &path)));
            if !path.is_empty() {
                prop_assert!(!row.is_in(&root, &path[1..]));
                let mut wrong = path.clone();
                wrong[0].sum += 1;
                prop_assert!(!row.is_in(&root, &wrong));
            }
            let longer = [path, vec![Node { hash: [0; 32], sum: 1 }]].concat();
            prop_assert!(!row.is_in(&root, &longer));
        }
    }

    #[test]
    fn a_file_without_rows_or_with_a_wrong_one_is_none() {
        let row = |index, amount| BulkRow { index, member: MemberNumber(1), amount };
        assert!(BulkTree::new(&[]).is_none());
        assert!(BulkTree::new(&[row(1, 1)]).is_none());
        assert!(BulkTree::new(&[row(0, 0)]).is_none());
        assert!(BulkTree::new(&[row(0, 1), row(0, 1)]).is_none());
        assert!(BulkTree::new(&[row(0, 1), row(1, AMOUNT_MAX)]).is_some());
    }
}
