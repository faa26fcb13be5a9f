"""What only a training needs: batches, steps and epochs, averaged weights, teachers, the files of a run."""
