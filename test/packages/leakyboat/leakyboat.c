int main(void)
{
	return plug_the_hole(;
}
