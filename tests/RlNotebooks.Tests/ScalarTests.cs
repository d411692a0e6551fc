using RlNotebooks.Documents;
using RlPrimitives.Notebooks;
using RlPrimitives.Tests.Models.Native;

namespace RlNotebooks.Tests;

public class ScalarTests
{
    [Theory]
    [InlineData(typeof(Notebook))]
    [InlineData(typeof(Show))]
    public void No_scalar_is_made_that_a_collection_may_free_while_it_is_read(Type of) => Assert.Empty(ScalarCalls.Of(of.Assembly.Location));
}
