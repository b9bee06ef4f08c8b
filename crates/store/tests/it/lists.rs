//! Promises of lists: a page is bounded, and all pages together are everything, once.

use yaoki_core::ids::{MemberNumber, StoreNumber, TerminalNumber};
use yaoki_store::on_both_storages;
use yaoki_store::read::{self, PAGE_MAX, Page, ROWS_SCANNED_MAX};
use yaoki_store::testing::TestBook;

/// Every page of a terminal's list.
fn pages(book: &TestBook, terminal: i64, limit: usize) -> Vec<Page> {
    let mut pages: Vec<Page> = Vec::new();
    loop {
        let before = pages.last().and_then(|page| page.before);
        let (store, terminal) = (StoreNumber(1), Some(TerminalNumber(terminal)));
        let page = book
            .book
            .read_and_wait(move |conn| read::recent(conn, store, terminal, before, limit))
            .expect("it can be listed");
        let ended = page.before.is_none();
        pages.push(page);
        if ended {
            return pages;
        }
    }
}

on_both_storages! {
    fn one_page_scans_so_many_rows_and_the_next_goes_on_from_there(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 1);
        let quiet = book.paid(MemberNumber(1), 1, 100);
        // Whichever lane books them, the others come after it.
        book.clock.advance_ms(60_000);
        let busy = ROWS_SCANNED_MAX + PAGE_MAX;
        let declined = (0..busy).map(|_| book.pay(book.ask(2, 1), "1", 100, None)).collect();
        book.submit_all(declined);
        // Whatever was booked is in the list when a book has been closed.
        let clock = book.clock.clone();
        drop(book);
        let book = TestBook::open(&db.database, clock, "first");
        let found = pages(&book, 1, 20);
        let sizes: Vec<usize> = found.iter().map(|page| page.operations.len()).collect();
        assert_eq!(sizes, [0, 1]);
        assert_eq!(found[1].operations, [quiet]);
        let others = pages(&book, 2, PAGE_MAX).into_iter();
        let all: Vec<_> = others.flat_map(|page| page.operations).collect();
        assert_eq!(all.len(), busy);
        assert!(all.windows(2).all(|pair| pair[0].id > pair[1].id), "newest first, each once");
    }

    fn what_nobody_acknowledged_is_listed_page_by_page(db: &mut TestDatabase) {
        let book = TestBook::create(&db.database, 1);
        let paid: Vec<_> = (0..5).map(|_| book.paid(MemberNumber(1), 1, 100).id).collect();
        book.clock.advance_ms(read::UNACKNOWLEDGED_AFTER_MS + 1000);
        let now = book.clock.now();
        let whose = (StoreNumber(1), Some(TerminalNumber(1)));
        let (mut listed, mut before) = (Vec::new(), None);
        loop {
            let page = book
                .book
                .read_and_wait(move |conn| read::unacknowledged(conn, whose, now, before, 2))
                .expect("it can be listed");
            assert!(page.operations.len() <= 2);
            listed.extend(page.operations.iter().map(|operation| operation.id));
            before = page.before;
            if before.is_none() {
                break;
            }
        }
        listed.reverse();
        assert_eq!(listed, paid);
    }
}
