//! How grids stand in the database. What is asked of them is in [`super::grid_configs`], what is shown of them in
//! [`super::queries::grid`].

pub(super) mod journal;
